"""Which rows have their decision."""

from __future__ import annotations

import zlib
from array import array


class Done:
    """A mark of four bytes for each row up to the highest: 4 MB for a million.

    The mark is a checksum of the ad's name, so that a folder which has changed since is noticed
    before a decision stands beside another ad.
    """

    def __init__(self) -> None:
        self._marks = array("I")
        self.count = 0
        self.last = 0
        """The highest row that `stands` was asked for."""

    def __contains__(self, number: int) -> bool:
        return number < len(self._marks) and self._marks[number] != 0

    @property
    def highest(self) -> int:
        """The highest row that is done; 0 for none."""
        return len(self._marks) - 1 if self._marks else 0

    def add(self, number: int, name: str) -> None:
        """Mark a row, counted from 1. Raises `ValueError` for one that is marked already."""
        if number in self:
            raise ValueError(f"row {number} has two decisions")
        if number >= len(self._marks):
            self._marks.extend([0] * (number + 1 - len(self._marks)))
        self._marks[number] = _mark(name)
        self.count += 1

    def stands(self, number: int, name: str = "") -> bool:
        """Whether the row of the input is done. A source asks for every row, in order.

        Raises `ValueError` when the row was another ad then; without a name it cannot be told.
        """
        self.last = max(self.last, number)
        if number not in self:
            return False
        if name and self._marks[number] != _mark(name):
            raise ValueError(
                f"The input has changed: row {number} is {name} now and was another ad when it was "
                "decided. Name another --out, or begin anew with --restart."
            )
        return True

    def check_end(self) -> None:
        """After the last row. Raises `ValueError` when the input has fewer rows than before."""
        if self.highest > self.last:
            raise ValueError(
                f"The input has changed: row {self.highest} has a decision, but there are only "
                f"{self.last} rows now. Name another --out, or begin anew with --restart."
            )


def _mark(name: str) -> int:
    return zlib.crc32(name.encode("utf-8", "surrogatepass")) or 1
