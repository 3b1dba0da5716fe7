"""Instruments count what they are given, within their bounds, and only while metrics are on."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from executors.shared.telemetry.bounds import OTHER, AtMost, OneOf
from executors.shared.telemetry.cells import Exemplars
from executors.shared.telemetry.instruments import Counter, Gauge, Histogram, Recording
from tests.telemetry.recorded import recording

TRACE, SPAN = "ab" * 16, "cd" * 8
SAMPLED, DROPPED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"


@pytest.fixture(autouse=True)
def on() -> Iterator[None]:
    with recording():
        yield


def seconds() -> Histogram:
    return Histogram("a.time", "s", "Of a test.", {"stage": AtMost(4)}, (0.1, 1.0))


def test_a_counter_sums_by_its_attributes() -> None:
    ads = Counter("a.count", "{ad}", "Of a test.", {"outcome": OneOf("approve", "reject")})
    ads.add(2, {"outcome": "approve"})
    ads.add(1, {"outcome": "reject"})
    ads.add(3, {"outcome": "approve"})
    assert {key: total.value for key, total in ads.read()} == {
        (("outcome", "approve"),): 5,
        (("outcome", "reject"),): 1,
    }


def test_a_counter_may_begin_at_nothing_so_that_its_first_event_is_an_increase() -> None:
    known = {"outcome": OneOf("approve", "reject"), "cached": OneOf("true", "false")}
    ads = Counter("a.count", "{ad}", "Of a test.", known)
    ads.begin(cached=["false"])
    assert {key: total.value for key, total in ads.read()} == {
        (("outcome", "approve"), ("cached", "false")): 0,
        (("outcome", "reject"), ("cached", "false")): 0,
    }
    ads.begin()
    assert len(ads.read()) == 4
    with pytest.raises(KeyError, match="rule"):
        Counter("a.count", "{ad}", "Of a test.", {"rule": AtMost(3)}).begin()


def test_a_value_that_is_not_listed_counts_as_other() -> None:
    ads = Counter("a.count", "{ad}", "Of a test.", {"outcome": OneOf("approve")})
    for name in range(1_000):
        ads.add(1, {"outcome": f"hostile {name}"})
    assert [(key, total.value) for key, total in ads.read()] == [((("outcome", OTHER),), 1_000)]


def test_of_unknown_values_only_the_first_have_series_of_their_own() -> None:
    ads = Counter("a.count", "{ad}", "Of a test.", {"rule": AtMost(3)})
    for name in [*"abc", *map(str, range(5_000)), "a", "other"]:
        ads.add(1, {"rule": name})
    counts = {dict(key)["rule"]: total.value for key, total in ads.read()}
    assert counts == {"a": 2, "b": 1, OTHER: 5_002}


def test_the_order_in_which_attributes_are_given_makes_no_difference() -> None:
    ads = Counter("a.count", "{ad}", "Of a test.", {"a": AtMost(3), "b": AtMost(3)})
    ads.add(1, {"a": "x", "b": "y"})
    ads.add(1, {"b": "y", "a": "x"})
    assert [total.value for _, total in ads.read()] == [2]


def test_an_attribute_that_the_instrument_does_not_take_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="advertiser"):
        Counter("a.count", "{ad}", "Of a test.").add(1, {"advertiser": "ACME"})


def test_a_value_on_a_bound_belongs_to_that_bucket() -> None:
    times = seconds()
    for value in (0.05, 0.1, 0.5, 1.0, 3.0):
        times.record(value, {"stage": "encoder"})
    ((_, _, spread),) = times.read()
    assert spread.counts == (2, 2, 1)
    assert spread.sum == pytest.approx(4.65)
    assert (spread.least, spread.largest) == (0.05, 3.0)


def test_what_is_no_number_counts_for_nothing() -> None:
    times = seconds()
    times.record(float("nan"), {"stage": "encoder"})
    ((_, _, spread),) = times.read()
    assert spread.counts == (0, 0, 0)
    assert spread.sum == 0


def test_threads_lose_nothing() -> None:
    ads = Counter("a.count", "{ad}", "Of a test.")
    times = seconds()

    def work() -> None:
        for _ in range(5_000):
            ads.add(1)
            times.record(0.5, {"stage": random.choice("abcdef")})

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [total.value for _, total in ads.read()] == [40_000]
    assert sum(sum(spread.counts) for _, _, spread in times.read()) == 40_000
    assert len(times.read()) <= times.most_series


def test_nothing_is_counted_while_metrics_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    ads, times = Counter("a.count", "{ad}", "Of a test."), seconds()
    monkeypatch.setattr(Recording, "on", False)
    ads.add(1)
    times.record(0.1, {"stage": "encoder"})
    assert ads.read() == []
    assert times.read() == []


@pytest.mark.parametrize("place", [0.05, 0.5, 5.0])
def test_the_latest_sampled_trace_is_the_exemplar_of_its_bucket(place: float) -> None:
    times = seconds()
    for traceparent in ("00-" + "11" * 16 + "-" + "22" * 8 + "-01", SAMPLED, DROPPED, ""):
        times.record(place, {"stage": "encoder"}, traceparent)
    ((_, _, spread),) = times.read()
    (exemplar,) = [each for each in spread.exemplars if each is not None]
    assert (exemplar.trace_id, exemplar.span_id, exemplar.value) == (TRACE, SPAN, place)
    assert spread.counts[spread.exemplars.index(exemplar)] == 4


@pytest.mark.parametrize(
    "hostile",
    [
        f"00-{TRACE}-{SPAN}-zz1",
        f'00-{TRACE[:-4]}"}}\n1-{SPAN}-01',
        "1" * 55,
        "-" * 55 + "1",
        f"00-{'0' * 32}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
    ],
)
def test_a_traceparent_that_is_none_is_no_exemplar(hostile: str) -> None:
    times = seconds()
    times.record(0.5, {"stage": "encoder"}, hostile)
    ((_, _, spread),) = times.read()
    assert spread.counts == (0, 1, 0)
    assert spread.exemplars == (None, None, None)


def test_the_current_span_is_the_exemplar_where_no_other_is_named() -> None:
    times = seconds()
    with TracerProvider().get_tracer("test").start_as_current_span("a") as span:
        times.record(0.5, {"stage": "encoder"})
    times.record(0.05, {"stage": "encoder"}, trace.set_span_in_context(trace.INVALID_SPAN))
    ((_, _, spread),) = times.read()
    assert spread.exemplars[0] is None
    assert spread.exemplars[1] is not None
    assert int(spread.exemplars[1].trace_id, 16) == span.get_span_context().trace_id


def test_a_trace_that_this_service_does_not_keep_is_no_exemplar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Exemplars, "keeps", staticmethod(lambda span: False))
    times = seconds()
    times.record(0.5, {"stage": "encoder"}, SAMPLED)
    ((_, _, spread),) = times.read()
    assert spread.exemplars == (None, None, None)


def test_a_gauge_says_what_its_callbacks_say_until_they_are_ended() -> None:
    depth = Gauge("a.depth", "{item}", "Of a test.", {"queue": OneOf("clip", "judge")})
    end = depth.watch(lambda: [(3, {"queue": "clip"})])
    depth.watch(lambda: [(4.5, {"queue": "judge"}), (float("nan"), {"queue": "x"})])
    assert depth.read() == {(("queue", "clip"),): 3, (("queue", "judge"),): 4.5}
    end()
    end()
    assert depth.read() == {(("queue", "judge"),): 4.5}


def test_a_gauge_bounds_what_is_so_now_and_not_what_was() -> None:
    version = Gauge("a.version", "1", "Of a test.", {"version": AtMost(3)})
    current = ["0"]
    version.watch(lambda: [(1, {"version": one}) for one in current])
    for number in range(100):
        current[:] = [str(number)]
        assert version.read() == {(("version", str(number)),): 1}
    current[:] = list("abcd")
    assert {dict(key)["version"] for key in version.read()} == {"a", "b", OTHER}


def test_a_callback_that_fails_hides_no_other_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    depth = Gauge("a.depth", "{item}", "Of a test.")
    down = [True]

    def read() -> list[tuple[float, dict[str, str]]]:
        if down[0]:
            raise OSError("the database is gone")
        return [(1, {})]

    depth.watch(read)
    depth.watch(lambda: [(2, {})])
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            assert depth.read() == {(): 2}
    assert [record.message for record in caplog.records] == ["a.depth could not be read"]
    down[0] = False
    depth.read()
    down[0] = True
    depth.read()
    assert len(caplog.records) == 2
