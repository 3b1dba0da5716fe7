"""The report itself. Its JSON is what `GET /v1/report` answers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from adjudicate.report.statistics import Series, Statistics


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        # The schemas of HTTP are made from these: every field is always there, and says what it is.
        json_schema_serialization_defaults_required=True,
        use_attribute_docstrings=True,
    )


class ReportedAds(_Model):
    """What became of the window's ads, by the ledger."""

    count: int
    per_second: float
    outcomes: dict[str, int]
    codes: dict[str, int]
    """Of ads with outcome `error`."""
    read: int
    """Decisions that the shares and the rooms' stages are of: all, or an even sample of them."""
    reasons: dict[str, int]
    """The most decisive reason of each of those read."""
    judged: int
    """Of those read; so are the next three."""
    cached: int
    """Judged by a verdict that was given before."""
    flagged: int
    audited: int
    """Sent to the judge although nothing flagged them."""


class ReportedStage(_Model):
    """The milliseconds of the window's ads in one stage. An ad that was not there has none."""

    stage: str
    """`total`, a room, `gateway`, or a part of one such as `encoder.model`."""
    what: str
    source: str
    """`decisions`: read from what is recorded; `gateway`: remembered by it."""
    statistics: Statistics


def process_name(room: str, replica: int) -> str:
    """`judge`, or `judge/1` for a further replica."""
    return f"{room}/{replica}" if replica else room


class ReportedRoom(_Model):
    """One process of the service and its machine."""

    room: str
    replica: int
    problem: str | None = None
    """Why there is nothing more of it."""
    readings: int = 0
    first: str | None = None
    """The first reading in the window; UTC, ISO 8601."""
    measures: dict[str, Statistics] = Field(default_factory=dict)
    """`cpu` in cores; `memory`, `disk_used` and `disk_free` in bytes; `open_files`."""
    series: dict[str, Series] = Field(default_factory=dict)
    """Means, by the same names."""

    @property
    def name(self) -> str:
        """As `process_name`."""
        return process_name(self.room, self.replica)


class ReportedGpu(_Model):
    """One card, by NVML."""

    id: str
    """Its UUID."""
    name: str
    memory_total: int
    """Bytes."""
    measures: dict[str, Statistics] = Field(default_factory=dict)
    """`utilization`, 0 to 1; `memory_used`, bytes; `temperature`, degrees Celsius."""
    series: dict[str, Series] = Field(default_factory=dict)


class ReportedSeries(_Model):
    """The window in equal parts."""

    edges: list[str]
    """Between which the parts lie, one more than there are parts; UTC, ISO 8601."""
    outcomes: dict[str, list[int]]
    """Ads decided in each part."""
    total_ms: dict[str, Series]
    """`p50` and `p95` of an ad's whole time; null where none was answered."""


class Report(_Model):
    """What the service did over a window of time."""

    since: str
    until: str
    """UTC, ISO 8601."""
    seconds: float
    ads: ReportedAds | None
    """None where the ledger does not answer."""
    requests: dict[str, int]
    """Answered and refused ones, by code; `ok` for those that were answered."""
    stages: list[ReportedStage]
    """The whole first, then in the order of an ad's way, each followed by its parts."""
    rooms: list[ReportedRoom]
    gpus: list[ReportedGpu]
    series: ReportedSeries
    notes: list[str]
    """What to bear in mind when reading the numbers."""

    def stage(self, name: str) -> Statistics | None:
        """The statistics of one stage; None where there are none."""
        return next((one.statistics for one in self.stages if one.stage == name), None)
