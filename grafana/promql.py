"""Expressions over the catalogue's instruments.

An attribute that an instrument does not have is a `KeyError`.

A process is `instance="ROOM/REPLICA"`, as its telemetry names itself.
"""

from __future__ import annotations

from executors.shared.telemetry.instruments import Counter, Gauge, Histogram, Instrument
from executors.shared.telemetry.prometheus import family_name, label_name

WINDOW = "$__rate_interval"
"""Grafana's: four scrapes at least, more when the dashboard shows more time."""
_OF_EVERY_TARGET = frozenset({"instance", "job"})


def name_of(instrument: Instrument) -> str:
    """Its name at Prometheus; a histogram's without `_bucket`, `_sum` or `_count`."""
    family = family_name(instrument)
    return f"{family}_total" if isinstance(instrument, Counter) else family


def label_of(instrument: Instrument, attribute: str) -> str:
    """An attribute's name at Prometheus. Raises `KeyError` when the instrument has none such."""
    if attribute not in _OF_EVERY_TARGET and attribute not in instrument.attributes:
        raise KeyError(f"{instrument.name} has no attribute {attribute}")
    return label_name(attribute)


def series(instrument: Instrument, where: dict[str, str] | None = None, part: str = "") -> str:
    """A selector. `where` has for each attribute the value, or `=~`, `!=`, `!~` and the value."""
    matchers = ",".join(
        f"{label_of(instrument, attribute)}{_matcher(value)}"
        for attribute, value in (where or {}).items()
    )
    return f"{name_of(instrument)}{part}" + (f"{{{matchers}}}" if matchers else "")


def rate(
    counter: Counter, *by: str, where: dict[str, str] | None = None, window: str = WINDOW
) -> str:
    """How much it grows a second, summed over all processes but for `by`."""
    return f"{_sum(counter, by)} (rate({series(counter, where)}[{window}]))"


def share(part: str, whole: str) -> str:
    """Of two rates: 0 to 1, and nothing while the whole is 0."""
    return f"{part} / ({whole} > 0)"


def quantile(
    at: float, of: Histogram, *by: str, where: dict[str, str] | None = None, window: str = WINDOW
) -> str:
    """In the histogram's unit, from its buckets."""
    buckets = f"rate({series(of, where, '_bucket')}[{window}])"
    return f"histogram_quantile({at:g}, {_sum(of, ('le', *by))} ({buckets}))"


def mean(of: Histogram, *by: str, where: dict[str, str] | None = None, window: str = WINDOW) -> str:
    """In the histogram's unit."""
    total, count = (
        f"{_sum(of, by)} (rate({series(of, where, part)}[{window}]))" for part in ("_sum", "_count")
    )
    return f"{total} / ({count} > 0)"


def count(
    of: Histogram, *by: str, where: dict[str, str] | None = None, window: str = WINDOW
) -> str:
    """How many values a second it recorded."""
    return f"{_sum(of, by)} (rate({series(of, where, '_count')}[{window}]))"


def buckets(of: Histogram, where: dict[str, str] | None = None) -> str:
    """For a heatmap: how many values fell into each bucket."""
    return f"sum by (le) (increase({series(of, where, '_bucket')}[{WINDOW}]))"


def newest(gauge: Gauge, *by: str, where: dict[str, str] | None = None) -> str:
    """The highest value that a process says now."""
    return (
        f"max by ({_labels(gauge, by)}) ({series(gauge, where)})"
        if by
        else f"max({series(gauge, where)})"
    )


def total(gauge: Gauge, *by: str, where: dict[str, str] | None = None) -> str:
    """The sum of what all processes say."""
    return f"{_sum(gauge, by)} ({series(gauge, where)})"


def _sum(instrument: Instrument, by: tuple[str, ...]) -> str:
    return f"sum by ({_labels(instrument, by)})" if by else "sum"


def _labels(instrument: Instrument, by: tuple[str, ...]) -> str:
    return ", ".join(name if name == "le" else label_of(instrument, name) for name in by)


def _matcher(value: str) -> str:
    for operator in ("=~", "!=", "!~"):
        if value.startswith(operator):
            return f'{operator}"{value[len(operator) :]}"'
    return f'="{value}"'
