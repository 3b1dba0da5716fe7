"""What the gateway and the supervisor tell each other: two small files in a folder.

The gateway writes how its canaries went, the supervisor whom it has restarted. Either may die or
hang without holding the other up; a file that stops to change says so too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Reason = Literal["died", "unhealthy"]

_HEALTH, _RESTARTS = "health.json", "restarts.json"


@dataclass(frozen=True)
class Seen:
    """How a replica's canaries go, as the gateway sees it."""

    failures: int
    """In a row, by the replica's own fault."""
    sent: int
    """Since the gateway started."""
    detail: str = ""


@dataclass(frozen=True)
class Health:
    """What the gateway writes."""

    replicas: Mapping[str, Seen] = field(default_factory=dict)
    """By the port that the replica listens on."""


@dataclass(frozen=True)
class Restarts:
    """Of one process since the service started."""

    room: str
    died: int = 0
    unhealthy: int = 0
    last: str = ""
    """UTC, ISO 8601."""
    reason: str = ""


class Board:
    """The folder. A file is replaced as a whole, so that nobody reads half of one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, tuple[tuple[int, int], Any]] = {}

    def clear(self) -> None:
        """Begin with nothing told, in a folder that is there. Raises `OSError`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for name in (_HEALTH, _RESTARTS):
            (self._folder / name).unlink(missing_ok=True)

    def tell_health(self, health: Health) -> None:
        """The gateway's side. Raises `OSError`; the heart beats even so, on a disk that is full."""
        try:
            self._write(_HEALTH, asdict(health))
        except OSError:
            with suppress(OSError):
                os.utime(self._folder / _HEALTH)
            raise

    def heart(self) -> int:
        """Another number whenever the gateway has told something; 0 before it told anything."""
        try:
            return os.stat(self._folder / _HEALTH).st_mtime_ns
        except OSError:
            return 0

    def health(self) -> Health | None:
        """The last that the gateway told; None before it told anything."""
        found = self._content(_HEALTH)
        if not isinstance(found, dict):
            return None
        seen = {port: Seen(**one) for port, one in found["replicas"].items()}
        return Health(seen)

    def tell_restarts(self, restarts: Mapping[str, Restarts]) -> None:
        """The supervisor's side, by port. Raises `OSError`."""
        self._write(_RESTARTS, {port: asdict(one) for port, one in restarts.items()})

    def restarts(self) -> Mapping[str, Restarts]:
        """By port; empty as long as nothing was restarted."""
        found = self._content(_RESTARTS)
        return {port: Restarts(**one) for port, one in (found or {}).items()}

    def _write(self, name: str, content: object) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)  # whoever cleans up may have taken it
        path = self._folder / name
        part = path.with_suffix(".part")
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(path)

    def _content(self, name: str) -> Any:
        """What the file says; as it was read before, if it is the same file."""
        path = self._folder / name
        try:
            found = os.stat(path)
            mark = (found.st_ino, found.st_mtime_ns)
            if name not in self._read or self._read[name][0] != mark:
                self._read[name] = (mark, json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        return self._read[name][1]


def port_of_address(address: str) -> str:
    """The port of `host:port`."""
    return address.rpartition(":")[2]
