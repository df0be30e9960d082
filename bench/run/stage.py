"""A stage of a run: what it makes, what from, and whether what it made is still current.

A stage is current if the content that it was made from is what it was, and so is what it made.
Both are known by hashes, which a record keeps; times and names of files decide nothing.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bench.run.record import Inputs, Record, differences, file_hashes, read_record
from bench.system.claims import claim_of, claimed
from bench.system.contents import Contents
from bench.system.errors import BadConfig, BadData, BadFile
from bench.system.files import write_text
from bench.system.progress import say


def no_work() -> float:
    """Return 0, the work of a stage that takes only seconds."""
    return 0.0


@dataclass(frozen=True, kw_only=True)
class Stage(ABC):
    """One line of a run's table of stages.

    Args:
        name: for people; progress shows it for a training, and the group's name for other stages.
        makes: the files that exist when the stage is done.
        run: makes the files.
        work: estimates how much work that is, in GFLOPs, for the time that progress shows.
    """

    name: str
    makes: Sequence[Path]
    run: Callable[[], object]
    work: Callable[[], float] = no_work

    @abstractmethod
    def reasons(self) -> list[str]:
        """Say why the stage has to be done, a phrase each; nothing where all is current."""

    def bring_up_to_date(self) -> None:
        """Do the stage unless it is done."""
        if self.reasons():
            self.run()

    @property
    def done(self) -> bool:
        """Whether all that the stage makes is current."""
        return not self.reasons()


@dataclass(frozen=True, kw_only=True)
class RecordedStage(Stage):
    """A stage whose record notes what was made from what. It can be made again at any time.

    Args:
        record: the file of the record.
        reads: gives the hashes of all that the files are made from.
        contents: hashes files.
    """

    record: Path
    reads: Callable[[], Inputs]
    contents: Contents

    def reasons(self) -> list[str]:
        """Say why the stage has to be done: what it was made from, or what it made, has changed."""
        return self._reasons(self.reads())

    def bring_up_to_date(self) -> None:
        """Run the stage unless it is done, and note what was made from what."""
        inputs = self.reads()
        reasons = self._reasons(inputs)
        if not reasons:
            return
        if self.record.exists():
            say(f"{self.name}: {'; '.join(reasons)}: making it again")
        self.run()
        self._remove_what_is_made_no_more()
        self.note(inputs)

    def note(self, inputs: Inputs) -> None:
        """Record what has just been made from these inputs."""
        self._record_of(inputs).write(self.record)

    def _record_of(self, inputs: Inputs) -> Record:
        hashes = file_hashes(self.makes, self.contents)
        return Record(inputs, True, {self._key(path): digest for path, digest in hashes.items()})

    def _remove_what_is_made_no_more(self) -> None:
        """Remove files of before that nothing makes now, unless somebody has changed them.

        What lies in other folders, as where --submissions was another one, is left alone.
        """
        folders = {Path(self._key(path)).parent for path in self.makes}
        with suppress(BadData, OSError):
            record = read_record(self.record)
            before = dict(record.files) if record else {}
            for name in before.keys() - {self._key(path) for path in self.makes}:
                path = Path(os.path.normpath(self.record.parent / name))
                ours = Path(name).parent in folders and path.is_file()
                if ours and file_hashes([path], self.contents)[path] == before[name]:
                    path.unlink()
                    say(f"{path}: removed, since nothing makes it any more")

    def _reasons(self, inputs: Inputs) -> list[str]:
        if not self.makes:
            return []
        try:
            record = read_record(self.record)
        except BadData:
            return [f"{self.record.name} is damaged"]
        if record is None or not record.finished:
            return ["not made yet"]
        return self._changes(record.made_from, inputs) + self._damage(record)

    def _changes(self, before: Inputs, now: Inputs) -> list[str]:
        return differences(before, now)

    def _damage(self, record: Record) -> list[str]:
        """Say which files are not as they were made."""
        there = [path for path in self.makes if path.is_file()]
        hashes = file_hashes(there, self.contents)
        phrases = [f"{path.name} is missing" for path in self.makes if path not in hashes]
        for path in there:
            if hashes[path] != record.files.get(self._key(path)):
                phrases.append(f"{path.name} is damaged, or another run made it")
        return phrases

    def _key(self, path: Path) -> str:
        """Return the name of a file in the record: its path from there."""
        return os.path.relpath(path, self.record.parent)


@dataclass(frozen=True, kw_only=True)
class KeptStage(RecordedStage):
    """A stage that is not made again by itself, since much stands on it and it took long.

    If what it was made from has changed, the user has to choose.

    Args:
        folder: what messages name.
        keeps: small files among those that it makes; damaged ones are put back from the record.
        spare: further files that it makes and nothing reads; damaged ones are removed with a word.
        goes_on: whether an interrupted stage has something to go on from; if not, it binds nobody.
        may_lack: kinds of things of which only those count that were there then and are now.
        check_earlier: refuses what an earlier version of the program made, which wrote no record,
            if the files beside it say that it was made from something else than there is now.
        choice: what the user can do if what it was made from has changed, as a sentence's end.
        cure: what the user can do if what it made is damaged.
    """

    folder: Path
    keeps: Sequence[Path]
    choice: str
    cure: str
    check_earlier: Callable[[], None]
    spare: Sequence[Path] = ()
    goes_on: Callable[[], bool] = lambda: True
    may_lack: Collection[str] = ()

    def bring_up_to_date(self) -> None:
        """Run the stage, or the rest of it, unless it is done.

        Raises: as `is_left`. Taken: another process does it.
        """
        if self.is_left():
            with claimed(self.claim, self.folder):
                self.make()

    def is_left(self) -> bool:
        """Whether the stage has to be run; small files that are damaged are put back.

        Raises:
            BadConfig, BadData: it was made from something else than there is now, or what it made
                is damaged; the message names the choice.
        """
        inputs = self.reads()
        record = self._check(inputs)
        if self._is_of_earlier_version():
            say(f"{self.name}: an earlier version did not note what from; taken as made from this")
            self.note(inputs)
            return False
        if record and record.finished:
            self._put_back(record)
            self._refuse_damage(record)
            return False
        return True

    def make(self) -> None:
        """Run the stage, or the rest of it, for whoever holds its claim."""
        inputs = self.reads()
        Record(inputs).write(self.record)
        self.run()
        self.note(inputs)

    @property
    def claim(self) -> Path:
        """The file that says who does the stage now."""
        return claim_of(self.record)

    def check(self) -> None:
        """Refuse what was made from something else than there is now; change nothing.

        Raises: as `is_left`.
        """
        self._check(self.reads())

    def forget_if_damaged(self) -> None:
        """Remove what the stage made if part of it is damaged beyond repair: to be made again."""
        record = self._read_record()
        if record and record.finished:
            self._put_back(record)
            damage = self._damage(record)
            if damage:
                say(f"{self.name}: {'; '.join(damage)}: making it again")
                for path in (self.record, *self.makes):
                    path.unlink(missing_ok=True)

    def _record_of(self, inputs: Inputs) -> Record:
        record = super()._record_of(inputs)
        spare = file_hashes([path for path in self.spare if path.is_file()], self.contents)
        files = {self._key(path): digest for path, digest in spare.items()}
        texts = {self._key(path): path.read_text(encoding="utf-8") for path in self.keeps}
        return replace(record, files={**record.files, **files}, texts=texts)

    def _damage(self, record: Record) -> list[str]:
        damaged = [f"{path.name} is damaged" for path in self._damaged_spares(record)]
        return super()._damage(record) + damaged

    def _damaged_spares(self, record: Record) -> list[Path]:
        hashes = file_hashes([path for path in self.spare if path.is_file()], self.contents)
        return [path for path in hashes if hashes[path] != record.files.get(self._key(path))]

    def _reasons(self, inputs: Inputs) -> list[str]:
        return [] if self._is_of_earlier_version() else super()._reasons(inputs)

    def _changes(self, before: Inputs, now: Inputs) -> list[str]:
        shared = {kind: before.get(kind, {}).keys() & now.get(kind, {}) for kind in self.may_lack}
        return differences(_only(before, shared), _only(now, shared))

    def _check(self, inputs: Inputs) -> Record | None:
        """Return the record, if there is one, of something that was made from these inputs."""
        record = self._read_record()
        if not record:
            self.check_earlier()
        elif record.finished or self.goes_on():
            self._refuse_other_inputs(record, inputs)
        return record

    def _read_record(self) -> Record | None:
        try:
            return read_record(self.record)
        except BadFile as error:
            cure = "put it back, or remove it if nothing has changed since the files beside it"
            raise BadFile(error.file, error.what, cure) from error

    def _is_of_earlier_version(self) -> bool:
        return not self.record.exists() and all(path.is_file() for path in self.makes)

    def _refuse_other_inputs(self, record: Record, inputs: Inputs) -> None:
        changes = self._changes(record.made_from, inputs)
        if changes:
            chosen = any(change.startswith(("recipe", "folds")) for change in changes)
            kind = BadConfig if chosen else BadData
            raise kind(
                f"{self.folder}: made from something else than there is now "
                f"({'; '.join(changes)}); {self.choice}"
            )

    def _put_back(self, record: Record) -> None:
        for path in self.keeps:
            text = record.texts[self._key(path)]
            if not path.is_file() or path.read_bytes() != text.encode():
                say(f"{path}: missing or damaged: putting it back")
                write_text(path, text)
        for path in self._damaged_spares(record):
            say(f"{path}: damaged: removing it, since nothing needs it")
            path.unlink()

    def _refuse_damage(self, record: Record) -> None:
        damage = self._damage(record)
        if damage:
            raise BadData(f"{self.folder}: {'; '.join(damage)}; {self.cure}")


def _only(inputs: Inputs, names: Mapping[str, Collection[str]]) -> Inputs:
    """Return the inputs; of the kinds that are given, only the things of these names."""
    return {
        kind: {name: each[name] for name in each if name in names.get(kind, each)}
        for kind, each in inputs.items()
    }
