"""Whatever values come, the series of every metric stay within what its page says."""

from __future__ import annotations

import random

import pytest
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from executors.shared.telemetry.bounds import LONGEST
from executors.shared.telemetry.instruments import Counter, Gauge, Histogram, Instrument
from executors.shared.telemetry.metrics import every_instrument
from executors.shared.telemetry.prometheus import InstrumentCollector, sample_names
from tests.telemetry.recorded import copy_of, recording

HOSTILE = 3_000
MOST_IN_ALL = 20_000
"""Combinations of all metrics of one process, should each of them be filled."""

ODD = ('"} 1\n', "\ud800", "\x00", "λ" * 10_000, "other", "", " ", "\\", "ok")


def hostile_values(dice: random.Random) -> str:
    return dice.choice((*ODD, f"rule-{dice.randrange(10**6)}", str(dice.random())))


@pytest.mark.parametrize("instrument", every_instrument(), ids=lambda each: each.name)
def test_hostile_values_stay_within_the_bound(instrument: Instrument) -> None:
    dice, one = random.Random(7), copy_of(instrument)
    drawn = [{name: hostile_values(dice) for name in one.attributes} for _ in range(HOSTILE)]
    with recording():
        if isinstance(one, Counter):
            for attributes in drawn:
                one.add(1, attributes)
        elif isinstance(one, Histogram):
            for attributes in drawn:
                one.record(1, attributes)
        elif isinstance(one, Gauge):
            one.watch(lambda: [(1, attributes) for attributes in drawn])
    keys = list(one.read()) if isinstance(one, Gauge) else [key for key, *_ in one.read()]
    assert 0 < len(set(keys)) == len(keys) <= one.most_series
    assert all(len(value) <= LONGEST for key in keys for _, value in key)
    assert_readable(one, len(keys))


def assert_readable(instrument: Instrument, series: int) -> None:
    """Both forms of the page can be read, and have every series."""
    registry = CollectorRegistry()
    registry.register(InstrumentCollector([instrument], Resource.get_empty()))
    names = sample_names(instrument)
    for encode, parse in (
        (generate_latest, text_string_to_metric_families),
        (openmetrics.generate_latest, openmetrics_families),
    ):
        families = parse(encode(registry).decode())
        samples = [sample for family in families for sample in family.samples]
        assert sum(sample.name == names[-1] for sample in samples) == series


def test_every_instrument_is_bounded_and_so_are_all_together() -> None:
    instruments = every_instrument()
    assert len({each.name for each in instruments}) == len(instruments) >= 40
    assert sum(each.most_series for each in instruments) <= MOST_IN_ALL
