"""Where verdicts are kept: the one interface of memory and Redis."""

from __future__ import annotations

from typing import Protocol


class Store(Protocol):
    """Values by key, for some time. It may forget any of them, and it never fails its caller."""

    kind: str
    errors: int
    """Calls that did not reach it, or that it refused."""

    @property
    def failing(self) -> bool:
        """Whether it could not be asked just now: what it does not return may be there."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Return what was put there, None when it is not there or cannot be had now."""
        ...

    async def put(self, key: str, value: bytes) -> None:
        """Keep `value` until its time is over or its place is needed."""
        ...

    async def close(self) -> None:
        """End what connections there are."""
        ...
