"""Whether a trail is whole: entry by entry, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from adjudicate.audit.chain import GENESIS, Entry, hash_of


class Broken(Exception):
    """An entry that is not as it was written, or not where it was."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(why)
        self.number = number
        self.why = why


@dataclass
class Chain:
    """What was checked so far: give it the entries in their order, then ask `ends`."""

    number: int = 0
    """Of the last entry that was checked."""
    hash: str = GENESIS
    at: str = ""
    first: int = 1
    """The entry that it began with."""
    noted: str = ""
    """The hash of an end that was noted earlier, which must be among the entries."""
    anchor: str = field(default="", init=False)
    """What the first entry has as the hash of the one before it."""
    met: bool = field(default=False, init=False)
    """Whether the noted end was."""

    @classmethod
    def of_part(cls, entry: Entry, noted: str = "") -> Chain:
        """One that begins with this entry: what was before it is taken on trust."""
        return cls(entry.number - 1, entry.previous, "", entry.number, noted)

    @property
    def entries(self) -> int:
        """How many were checked."""
        return self.number - self.first + 1

    def __post_init__(self) -> None:
        self.anchor = self.hash

    def take(self, entries: Iterable[Entry]) -> None:
        """Check the next entries. Raises `Broken` at the first that is not right."""
        for entry in entries:
            self._check(entry)
            self.number, self.hash, self.at = entry.number, entry.hash, entry.at
            self.met = self.met or entry.hash == self.noted

    def ends(self, number: int | None = None, head: str | None = None) -> None:
        """Compare with where the trail should end, if that is known, and with the noted end.

        Raises `Broken`.
        """
        if number is not None and number > self.number:
            raise Broken(self.number + 1, _missing(self.number + 1, number))
        if (number, head) != (None, None) and (number, head) != (self.number, self.hash):
            why = f"the trail ends with entry {self.number}, but its end is kept as entry {number}"
            raise Broken(self.number, f"{why} with another hash")
        if self.noted and not self.met:
            why = "the noted end is not in the trail: entries were taken away or written anew since"
            raise Broken(self.number + 1, why)

    def _check(self, entry: Entry) -> None:
        due = self.number + 1
        if entry.number > due:
            raise Broken(due, _missing(due, entry.number - 1))
        if entry.number < due:
            raise Broken(entry.number, f"entry {entry.number} stands after entry {self.number}")
        if _hash(entry) != entry.hash:
            raise Broken(due, f"entry {due} was changed: its hash is not that of what it says")
        if entry.previous != self.hash:
            before = f"entry {self.number}" if self.number else "the beginning"
            why = f"entry {due} does not follow {before}: one of them was written anew, or put in"
            raise Broken(due, why)
        if entry.at < self.at:
            raise Broken(due, f"entry {due} is dated before entry {self.number}")


def _hash(entry: Entry) -> str:
    try:
        return hash_of(entry)
    except ValueError:
        return ""  # what no entry could have said


def _missing(first: int, last: int) -> str:
    if first == last:
        return f"entry {first} is missing"
    return f"entries {first} to {last} are missing"
