"""What the report calls entries and cars: short, and the same on every part of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Names:
    """Labels of a run's entries, numbers of its single models, descriptions of its cars."""

    members: Sequence[str]  # the single models, in the suite's order
    cars: Mapping[str, tuple[str, str, str]]  # car -> year, make, model
    unit: str = "car"  # what is held out together: "car" or "group"

    @property
    def thing(self) -> str:
        """What masks show."""
        return "car" if self.unit == "car" else "object"

    @cached_property
    def _folder(self) -> str:
        """The folder that the names of all single models begin with, such as `cpu/`."""
        folders = {name.rpartition("/")[0] for name in self.members}
        return f"{folders.pop()}/" if len(folders) == 1 and "" not in folders else ""

    def label(self, entry: str) -> str:
        """An entry's name without the folder that all single models share."""
        return entry.removeprefix(self._folder)

    def number(self, member: str) -> int:
        """The number that stands for a single model in every figure, from 1."""
        return self.members.index(member) + 1

    def numbered(self, member: str) -> str:
        """A single model's number and label."""
        return f"{self.number(member)}  {self.label(member)}"

    def car(self, car: str) -> str:
        """A car's make, model and year, or its id where they are not known."""
        year, make, model = self.cars.get(car, ("", "", ""))
        return f"{make} {model} {year}".strip() if make else car
