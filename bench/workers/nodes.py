"""What a machine of a cluster has, and what differs from the machine that gives it work.

Every node looks at itself before any work: another version, or a folder that is not shared, would
be found out hours later otherwise, or never.
"""

import os
import platform
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from typing import Any

from rich.table import Table

from bench.config.library import load_recipe, load_suite
from bench.own.opening import open_data
from bench.system.disk import file_system, free_bytes, make_folder, readable
from bench.system.environment import code_sha256, commit
from bench.system.errors import BadConfig, BenchError, Missing
from bench.system.files import json_sha256, write_text
from bench.system.text import several

Facts = dict[str, Any]
WITH_CPUS = "start Ray there by `ray start --num-cpus N`"
NOTE = "note"  # a file where the nodes meet
SAME = {  # what has to be the same on all nodes, and the cure
    "python": "install the same there",
    "ray": "install the same there",
    "torch": "install the same there",
    "program": "install the same version of this program there, and start Ray again",
    "token": "start Ray there with RAY_AUTH_MODE=token, or set RAY_AUTH_MODE=disabled here, too",
    "data": "name a folder by --data that all machines see under the same path",
    "weights": "name a folder by --weights-dir that all machines see under the same path",
    "suite": "put the suite and its recipes where all machines see them under the same path",
}


@dataclass(frozen=True)
class Node:
    """A machine of the cluster, and all that it has."""

    id: str
    host: str
    cpus: int
    gpus: int

    def __str__(self) -> str:
        return f"{self.host} ({self.id[:8]})"


@dataclass(frozen=True)
class Need:
    """What an item takes of a node; it has as many threads as CPUs."""

    cpus: int
    gpus: int

    def fits(self, node: Node) -> int:
        """Return how many such items a node can hold."""
        by_cpus = node.cpus // self.cpus
        return min(by_cpus, node.gpus // self.gpus) if self.gpus else by_cpus


def needs(device: str, jobs: int, gpus: int, there: Sequence[Node]) -> tuple[Need, Need]:
    """Return what a training takes, and what a prediction takes.

    A GPU comes with its share of a node's CPUs. Without GPUs, an item takes `--jobs` CPUs.

    Raises:
        BadConfig: the device is one GPU by its number.
        Missing: no node has that much.
    """
    if ":" in device:
        raise BadConfig(f"--device {device}: with --cluster Ray chooses: use --device cuda")
    cards = [node for node in there if node.gpus]
    listed = ", ".join(f"{node} has {node.gpus} GPUs and {node.cpus} CPUs" for node in there)
    if device == "cpu" or (device == "auto" and gpus == 1 and not cards):
        most = max(node.cpus for node in there)
        if jobs > most:
            cure = f"use --jobs {most} at most" if most else WITH_CPUS
            raise Missing(f"--jobs {jobs}: {listed}; {cure}")
        return Need(jobs, 0), Need(jobs, 0)
    if not cards:
        raise Missing(f"--device {device}: no GPU in the cluster: {listed}; use --device cpu")
    able = [node for node in cards if node.cpus]
    if not able:
        raise Missing(f"--device {device}: {listed}; {WITH_CPUS}, or use --device cpu")
    share = max(1, min(node.cpus // node.gpus for node in able))
    most = max(map(Need(share, 1).fits, able))
    if gpus > most:
        raise Missing(f"--gpus-per-training {gpus}: {listed}; use {most} at most")
    return Need(share * gpus, gpus), Need(share, 1)


@dataclass(frozen=True)
class Places:
    """The folders and files that a command needs on every node, as absolute paths.

    Args:
        runs: shared by all nodes, which write there.
        weights: of pretrained networks, if a folder of them is named.
        scratch: of each node alone.
        suite: a name, or the path of a file; None: any suite.
    """

    runs: Path
    data: Path
    weights: Path | None = None
    scratch: Path | None = None
    suite: str | None = None


@contextmanager
def meeting_in(runs: Path) -> Iterator[Path]:
    """Give a folder in a shared one, in which a note lies while the nodes look for it.

    Raises:
        BenchError: nothing can be written there.
    """
    folder = runs / f".nodes-{uuid.uuid4().hex}"
    make_folder(folder)
    write_text(folder / NOTE, folder.name)
    try:
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)


def examine(places: Places, meeting: Path, name: str) -> Facts:
    """Collect what this machine has and sees, as JSON can hold it; `faults` says what is wrong.

    Args:
        meeting: where the nodes meet; this one leaves an answer there under its name.
    """
    faults = [_meet(meeting, name), _fault_of_scratch(places.scratch)]
    return {
        "host": platform.node(),
        "python": platform.python_version(),
        "ray": version("ray"),
        "torch": version("torch"),
        "program": code_sha256()[:12],
        "commit": commit()[:12],
        "token": os.environ.get("RAY_AUTH_MODE", "disabled"),
        "data": _data(places.data),
        "weights": _weights(places.weights),
        "suite": _suite(places.suite),
        "runs on": file_system(places.runs),
        "scratch": f"{readable(free_bytes(places.scratch))} free" if places.scratch else "none",
        "faults": [fault for fault in faults if fault],
    }


def _data(root: Path) -> str:
    try:
        data = open_data(root)
    except BenchError as error:
        return str(error)
    return f"{len(data.train)} training and {len(data.test)} test photographs"


def _weights(folder: Path | None) -> str:
    return several(len([*folder.glob("*.safetensors")]), "file") if folder else "from the hub"


def _suite(name: str | None) -> str:
    """Return a hash of all that a suite and its recipes say."""
    if name is None:
        return "any"
    try:
        suite = load_suite(name)
        recipes = [load_recipe(recipe, Path(name)) for recipe in suite.recipes]
    except BenchError as error:
        return str(error)
    return json_sha256([part.model_dump(mode="json") for part in (suite, *recipes)])[:12]


def _meet(folder: Path, name: str) -> str:
    """Read the note and leave it again, renamed as the files of a run are; say what went wrong."""
    try:
        begun = folder / f"{name}.begun"
        begun.write_text((folder / NOTE).read_text())
        begun.rename(folder / name)
    except OSError as error:
        return (
            f"{folder.parent} is another folder there, or cannot be written to ({error.strerror}); "
            "name one by --runs that all machines share under the same path"
        )
    return ""


def has_met(folder: Path, name: str) -> bool:
    """Whether the answer of a node is seen here."""
    answer = folder / name
    return answer.is_file() and answer.read_text() == folder.name


def _fault_of_scratch(folder: Path | None) -> str:
    if folder and not (folder.is_dir() and os.access(folder, os.W_OK)):
        return f"{folder} is no folder, or not yours; make it there, or name another by --scratch"
    return ""


def differences(here: Facts, there: Facts) -> list[str]:
    """Say what differs between a node and this machine where it must not, each with its cure."""
    return [
        f"{name} is {there[name]} there, {here[name]} here; {cure}"
        for name, cure in SAME.items()
        if name in there and there[name] != here[name]
    ]


def table(found: Sequence[Facts]) -> Table:
    """Return what nodes have for people, a row each."""
    names = dict.fromkeys(name for facts in found for name in facts if name != "faults")
    result = Table(*names, "fit")
    for facts in found:
        result.add_row(
            *(str(facts.get(name, "")) for name in names), "no" if facts["faults"] else "yes"
        )
    return result


def refuse_unfit(found: Sequence[Facts]) -> None:
    """Refuse nodes that are not fit for the work.

    Raises:
        Missing: some are not.
    """
    faults = [
        f"{facts['host']} ({facts['node']}): {fault}"
        for facts in found
        for fault in facts["faults"]
    ]
    if faults:
        raise Missing("--cluster: nodes are not fit for this work: " + "; ".join(faults))
