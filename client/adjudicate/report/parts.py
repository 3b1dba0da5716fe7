"""What each process tells for a report. They travel as JSON inside a `RoomReport`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from adjudicate.report.statistics import Series, Statistics


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Card(_Part):
    """A GPU that the process's machine has, by NVML."""

    id: str
    """Its UUID."""
    name: str
    memory_total: int
    """Bytes."""
    measures: dict[str, Statistics] = Field(default_factory=dict)
    """By `OF_CARD`, as far as the card says."""
    series: dict[str, Series] = Field(default_factory=dict)
    """Means, by the same names."""


class Measured(_Part):
    """A process and its machine over the window: statistics of its readings."""

    readings: int = 0
    first: float | None = None
    """Unix time, seconds, of the first reading in the window; None without any."""
    measures: dict[str, Statistics] = Field(default_factory=dict)
    """By `MEASURES`."""
    series: dict[str, Series] = Field(default_factory=dict)
    """Means, by the same names."""
    cards: list[Card] = Field(default_factory=list)


MEASURES = {
    "cpu": "cores that the process keeps busy",
    "memory": "resident memory, bytes",
    "open_files": "files and sockets that the process has open",
    "disk_used": "of the disk with the database, bytes",
    "disk_free": "of the disk with the database, bytes",
}
"""What each process measures."""

OF_CARD = {
    "utilization": "share of the time that the card was busy, 0 to 1",
    "memory_used": "bytes",
    "temperature": "degrees Celsius",
}
"""What is measured of each GPU."""


class Decided(_Part):
    """The decisions of the window, by the ledger."""

    ads: int = 0
    """Counted, all of them."""
    outcomes: dict[str, int] = Field(default_factory=dict)
    codes: dict[str, int] = Field(default_factory=dict)
    """Of ads with outcome `error`."""
    read: int = 0
    """Decisions that the rest is of: all, or an even sample of them."""
    reasons: dict[str, int] = Field(default_factory=dict)
    """The most decisive reason of each of those read."""
    judged: int = 0
    cached: int = 0
    flagged: int = 0
    audited: int = 0
    stages: dict[str, Statistics] = Field(default_factory=dict)
    """Milliseconds, by the names of `Decision.timings`."""
    series: dict[str, list[int]] = Field(default_factory=dict)
    """Ads in each part of the window, by outcome."""


class Answered(_Part):
    """The ads that the gateway answered in the window, as long as it remembers them."""

    ads: int = 0
    first: float | None = None
    """Unix time, seconds, from when on it remembers all; None: from before the window."""
    stages: dict[str, Statistics] = Field(default_factory=dict)
    """Milliseconds."""
    series: dict[str, Series] = Field(default_factory=dict)
    """Of an ad's whole time, by `p50` and `p95`."""
    requests: dict[str, int] = Field(default_factory=dict)
    """Answered and refused ones, by code; `ok` for those that were answered."""


class Part(_Part):
    """All that one process tells."""

    measured: Measured | None = None
    decided: Decided | None = None
    answered: Answered | None = None
