"""An exported model, to and from the Hugging Face hub, by the hub's own client.

Reads and writes  the files that the manifest of an exported model names, and no others, so that no
                  pickle is ever fetched. Nothing is fetched unless a person asks for it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, ModelInfo
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from bench.cutout.manifest import MANIFEST, Manifest, check_files, read_manifest
from bench.networks.engines.quiet import silencing
from bench.share.card import card
from bench.system.errors import BadConfig, BadData, BadFile, BenchError, Missing
from bench.system.temporaries import check_new_folder, filled_at_once, temporary_folder

CARD = "README.md"
CLIENTS_OWN = ".cache"  # the client's notes in a folder that it fetches into
OWN = {MANIFEST, CARD, ".gitattributes"}  # beside the networks
LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"
DENIED = (401, 403)
OURS = b'"carvana-bench model'  # in every manifest, whatever its version


def push(folder: Path, repository: str, data_licence: str, *, private: bool = False) -> str:
    """Send an exported model to a repository, made if need be, in one commit; return its address.

    Args:
        repository: OWNER/NAME.
        data_licence: see `card`.

    Raises:
        Missing: there is no exported model, no token, or no way to the hub.
        BadData: a file is not the one that was exported.
        BadConfig: the repository's name is none, or it holds something else.
        BenchError: the hub refuses.
    """
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    text = card(manifest, repository, data_licence).encode()
    additions = [
        CommitOperationAdd(MANIFEST, folder / MANIFEST),
        CommitOperationAdd(CARD, text),
        *(CommitOperationAdd(name, folder / name) for name in manifest.files),
    ]
    api = HfApi()
    with _clear_errors(api, repository):
        api.create_repo(repository, private=private, exist_ok=True)
        _check_ours(api, repository)
        message = f"The entry {manifest.entry} of the run {manifest.made_by.get('run')}"
        return str(api.create_commit(repository, additions, commit_message=message).commit_url)


def pull(repository: str, out: Path, revision: str | None = None) -> Manifest:
    """Fetch an exported model into an empty folder, each file checked against its manifest.

    Args:
        repository: OWNER/NAME.
        revision: a branch, tag or commit; None: the newest.

    Raises:
        Missing: there is no such repository or revision, or no way to the hub.
        BadData: it holds no exported model, or a file that is not the one that was exported.
        BadConfig: `out` is not empty, or the repository's name is none.
    """
    check_new_folder(out)
    api = HfApi()
    with _clear_errors(api, repository):
        info = api.model_info(repository, revision=revision)
        there = _files_there(info)
        _check_kind(repository, there)
        with filled_at_once(out, MANIFEST) as new, _naming(repository, new):
            _fetch(api, repository, MANIFEST, str(info.sha), new)
            manifest = read_manifest(new)
            for name in manifest.files:
                if name not in there:
                    raise BadData(f"{repository}: no {name}, which its manifest names; push again")
                _fetch(api, repository, name, str(info.sha), new)
            check_files(new, manifest)
            shutil.rmtree(new / CLIENTS_OWN, ignore_errors=True)
    return manifest


def _check_ours(api: HfApi, repository: str) -> None:
    """Refuse a repository that holds anything but an exported model."""
    info = api.model_info(repository)
    there = _files_there(info)
    others = there - OWN
    if MANIFEST in there:
        with temporary_folder("push") as temporary:
            _fetch(api, repository, MANIFEST, str(info.sha), temporary)
            others = set() if OURS in (temporary / MANIFEST).read_bytes() else {MANIFEST}
    if others:
        raise BadConfig(f"{repository}: holds something else ({min(others)}); name another")


@contextmanager
def _naming(repository: str, folder: Path) -> Iterator[None]:
    """Name the repository where a file that was fetched into a folder is damaged."""
    try:
        yield
    except BadFile as error:
        name = Path(error.file).relative_to(folder)
        cure = "pull again, update this program, or ask its owner to push it again"
        raise BadData(f"{repository}: {name}: {error.what}; {cure}") from error


def _files_there(info: ModelInfo) -> set[str]:
    return {each.rfilename for each in info.siblings or ()}


def _fetch(api: HfApi, repository: str, name: str, commit: str, folder: Path) -> None:
    api.hf_hub_download(repository, name, revision=commit, local_dir=folder)


def _check_kind(repository: str, there: set[str]) -> None:
    if MANIFEST in there:
        return
    pickles = sorted(name for name in there if Path(name).suffix in (".bin", ".pt", ".pth", ".pkl"))
    found = f"only {', '.join(sorted(there)[:3]) or 'nothing'}"
    if pickles:
        found = f"but {pickles[0]}, a pickle, which could run anything and is never fetched"
    raise BadData(
        f"{repository}: no {MANIFEST}, so no exported model, {found}; name a repository that "
        "`push` filled"
    )


@contextmanager
def _clear_errors(api: HfApi, repository: str) -> Iterator[None]:
    """Say what a person can do about the errors of the hub's client."""
    hub = api.endpoint
    no_name = f"{repository}: no repository's name; write OWNER/NAME"
    if repository.count("/") != 1:
        raise BadConfig(no_name)
    try:
        with silencing():  # it tells of each try in vain
            yield
    except HFValidationError as error:
        raise BadConfig(no_name) from error
    except LocalTokenNotFoundError as error:
        raise Missing(f"no token for {hub}: {LOG_IN}") from error
    except GatedRepoError as error:
        raise Missing(f"{repository}: its owner has to let you in: ask on {hub}") from error
    except RevisionNotFoundError as error:
        raise Missing(f"{repository}: no such revision; leave --revision out") from error
    except RepositoryNotFoundError as error:
        raise Missing(
            f"{repository}: no such repository on {hub}, or a private one; mend its name, or "
            f"{LOG_IN}"
        ) from error
    except (HfHubHTTPError, FileMetadataError, LocalEntryNotFoundError) as error:
        raise _refused(repository, hub, error) from error
    except (OfflineModeIsEnabled, HTTPError) as error:  # of the client's own connection
        raise Missing(f"{hub} cannot be reached ({error}); try again with a network") from error


def _refused(repository: str, hub: str, error: Exception) -> BenchError:
    """Return the error of a hub that answers with one, or whose file did not come whole."""
    answer = error if isinstance(error, HfHubHTTPError) else error.__cause__
    if not isinstance(answer, HfHubHTTPError):
        what = f"a file did not come whole ({answer or error})"
        return BenchError(f"{repository}: {what}; try again later")
    if answer.response.status_code in DENIED:
        return Missing(f"{repository}: {hub} does not let you: {LOG_IN}")
    return BenchError(f"{repository}: {hub} answers {answer}; try again later")
