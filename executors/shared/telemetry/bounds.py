"""The values that an attribute may have, so that nobody can fill memory with series."""

from __future__ import annotations

import threading

OTHER = "other"
"""Stands for a value that is not among those an attribute may have."""


LONGEST = 200


class OneOf:
    """Values that are known beforehand."""

    def __init__(self, *values: str) -> None:
        self.values = frozenset(values)
        self.most = len(self.values | {OTHER})

    def bounded(self, value: str) -> str:
        """The value, or `other`."""
        return value if value in self.values else OTHER

    def anew(self) -> OneOf:
        """The same, as when it had seen nothing."""
        return self


class AtMost:
    """Values that are not known beforehand, such as a policy's rules: the first `most` - 1 of this
    process are kept, all further ones are `other`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def bounded(self, value: str) -> str:
        """The value, or `other`. One longer than 200 characters is cut, and what no UTF-8 can
        write is `?`."""
        value = value[:LONGEST]
        if value in self._seen:
            return value
        value = value.encode("utf-8", "replace").decode("utf-8")
        with self._lock:
            if value != OTHER and len(self._seen) < self.most - 1:
                self._seen.add(value)
            return value if value in self._seen else OTHER

    def anew(self) -> AtMost:
        """The same, as when it had seen nothing."""
        return AtMost(self.most)


Values = OneOf | AtMost
