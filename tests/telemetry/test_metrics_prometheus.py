"""/metrics: what Prometheus reads of the instruments, against what OpenTelemetry's SDK makes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from executors.shared.settings import Settings, TelemetrySettings
from executors.shared.telemetry import catalogue
from executors.shared.telemetry.instruments import Counter, Gauge, Histogram, Instrument
from executors.shared.telemetry.metrics import every_instrument, open_metrics
from executors.shared.telemetry.otlp import metrics_data
from executors.shared.telemetry.prometheus import InstrumentCollector, family_name, sample_names
from tests.telemetry.recorded import copy_of, recording

NOBODY = Resource.create({"service.name": "test"})
TRACE, SPAN = "ab" * 16, "cd" * 8


@pytest.fixture(autouse=True)
def on() -> Iterator[None]:
    with recording():
        yield


def registry_of(*instruments: Instrument) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(InstrumentCollector(instruments, NOBODY))
    return registry


def sdk_of(instrument: Instrument, provider: MeterProvider) -> Any:
    """The SDK's instrument of the same name."""
    meter = provider.get_meter("test")
    described = (instrument.name, instrument.unit, instrument.description)
    if isinstance(instrument, Histogram):
        buckets = instrument.buckets
        return meter.create_histogram(*described, explicit_bucket_boundaries_advisory=buckets)
    return meter.create_counter(*described)


@pytest.mark.parametrize("instrument", every_instrument(), ids=lambda each: each.name)
def test_names_are_those_of_opentelemetrys_own_exporter(instrument: Instrument) -> None:
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(
        disable_target_info=True, scope_info_enabled=False, registry=registry
    )
    provider = MeterProvider([reader])
    if isinstance(instrument, Gauge):
        provider.get_meter("test").create_gauge(instrument.name, instrument.unit).set(1)
    elif isinstance(instrument, Histogram):
        sdk_of(instrument, provider).record(1)
    else:
        sdk_of(instrument, provider).add(1)
    (family,) = registry.collect()
    provider.shutdown()
    assert family.name == family_name(instrument)
    assert {sample.name for sample in family.samples} == set(sample_names(instrument))


def test_a_histogram_has_the_buckets_and_sums_of_the_sdks() -> None:
    dice = random.Random(3)
    ours = copy_of(catalogue.STAGE_SECONDS)
    assert isinstance(ours, Histogram)
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    theirs = sdk_of(ours, provider)
    for _ in range(2_000):
        value = dice.choice((dice.expovariate(3), dice.choice(ours.buckets), 0.0, 1_000.0))
        attributes = {"stage": dice.choice(("encoder", "judge"))}
        ours.record(value, attributes)
        theirs.record(value, attributes)
    said = reader.get_metrics_data()
    provider.shutdown()
    assert said is not None
    (wanted,) = said.resource_metrics[0].scope_metrics[0].metrics
    (found,) = metrics_data([ours], NOBODY, 1).resource_metrics[0].scope_metrics[0].metrics

    def points(metric: Any) -> dict[str, Any]:
        return {
            point.attributes["stage"]: (
                *(list(point.bucket_counts), list(point.explicit_bounds), point.count),
                *(pytest.approx(point.sum), point.min, point.max),
            )
            for point in metric.data.data_points
        }

    assert points(found) == points(wanted)
    assert (found.name, found.unit) == (wanted.name, wanted.unit)
    assert found.data.aggregation_temporality == wanted.data.aggregation_temporality


def test_buckets_add_up_and_carry_the_trace_of_their_latest_ad() -> None:
    times = Histogram("a.time", "s", "Of a test.", {}, (0.1, 1.0))
    for value in (0.05, 0.5, 0.6, 7.0):
        times.record(value, {}, f"00-{TRACE}-{SPAN}-01" if value > 0.5 else "")
    page = openmetrics.generate_latest(registry_of(times)).decode()
    (family,) = [f for f in text_string_to_metric_families(page) if f.name == "a_time_seconds"]
    buckets = {s.labels["le"]: s for s in family.samples if s.name == "a_time_seconds_bucket"}
    assert {le: sample.value for le, sample in buckets.items()} == {"0.1": 1, "1.0": 3, "+Inf": 4}
    assert buckets["0.1"].exemplar is None
    assert buckets["1.0"].exemplar is not None
    assert buckets["1.0"].exemplar.labels == {"trace_id": TRACE, "span_id": SPAN}
    assert buckets["1.0"].exemplar.value == 0.6
    assert "trace_id" not in generate_latest(registry_of(times)).decode()  # the old form has none


def test_an_instrument_that_counted_nothing_is_not_on_the_page() -> None:
    used, unused = Counter("a.used", "{ad}", "Used."), Counter("a.unused", "{ad}", "Not.")
    used.add(1)
    page = generate_latest(registry_of(used, unused)).decode()
    assert "a_used_total 1.0" in page
    assert "a_unused" not in page


def test_the_page_says_whose_it_is() -> None:
    page = generate_latest(registry_of()).decode()
    assert "\ntarget_info{" in page
    assert 'service_name="test"' in page


def test_with_metrics_off_the_page_is_empty_and_nothing_is_counted() -> None:
    settings = Settings(telemetry=TelemetrySettings(metrics=False))
    metrics = open_metrics(settings, NOBODY)
    assert generate_latest(metrics.registry) == b""
    metrics.close(1)


def test_usage_is_on_the_page_of_every_room_until_it_closes() -> None:
    watched = catalogue.PROCESS_MEMORY._watched.copy()  # by rooms that other tests left open
    metrics = open_metrics(Settings(), NOBODY)
    page = generate_latest(metrics.registry).decode()
    for name in ("process_cpu_utilization", "process_memory_usage_bytes", "adjudicate_version"):
        assert f"\n{name}" in page
    assert 'system_filesystem_usage_bytes{system_filesystem_state="free"}' in page
    metrics.close(1)
    assert catalogue.PROCESS_MEMORY._watched == watched
