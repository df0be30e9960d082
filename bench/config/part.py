"""A part of a job: the K-th of N equal shares, as an array of batch jobs counts its tasks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Part:
    """The `index`-th of `of` shares; the first is 1."""

    index: int = 1
    of: int = 1

    @classmethod
    def read(cls, text: str) -> "Part":
        """Read "K/N".

        Raises:
            ValueError: it is something else, or K is not from 1 to N.

        >>> Part.read("3/8")
        Part(index=3, of=8)
        """
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise ValueError(f"{text!r} is not K/N with K from 1 to N, such as 3/8")
        return cls(int(match[1]), int(match[2]))

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return this part's items, neighbours; parts differ by one at most.

        >>> [Part(index, 2).share("abcde") for index in (1, 2)]
        ['ab', 'cde']
        """
        first, end = ((self.index - back) * len(items) // self.of for back in (1, 0))
        return items[first:end]

    def deal(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return this part's items, dealt out in turn: of the longest first, each gets its share.

        >>> [Part(index, 2).deal("abcde") for index in (1, 2)]
        ['ace', 'bd']
        """
        return items[self.index - 1 :: self.of]

    def divided(self, share: "Part") -> "Part":
        """Return a share of this part, as a part of the whole.

        >>> [Part(2, 2).divided(Part(index, 2)).share("abcdefgh") for index in (1, 2)]
        ['ef', 'gh']
        """
        return Part((self.index - 1) * share.of + share.index, self.of * share.of)

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"


WHOLE = Part()
