"""A process's readings of the last day."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from adjudicate.report.window import Window
from executors.shared.telemetry import samples as module
from executors.shared.telemetry.ring import Ring
from executors.shared.telemetry.samples import Samples
from executors.shared.telemetry.system import Reading, System
from tests.report.made import BEGAN, WINDOW, card, reading, samples_of


def test_the_readings_of_the_window_are_what_is_told() -> None:
    measured = samples_of(*(reading(cpu) for cpu in (0.1, 0.2, 0.6))).measured(
        Window(BEGAN + timedelta(seconds=30), BEGAN + timedelta(minutes=10))
    )
    assert measured.readings == 2
    assert measured.first == BEGAN.timestamp() + 60
    cpu = measured.measures["cpu"]
    assert (cpu.mean, cpu.min, cpu.max) == (pytest.approx(0.4), 0.2, 0.6)
    assert measured.measures["memory"].std == 0
    shown = [value for value in measured.series["cpu"] if value is not None]
    assert shown == [0.2, 0.6]


def test_cards_are_told_apart_and_one_that_does_not_say_all_has_the_rest() -> None:
    split = card(None, name="GPU-split")
    samples = samples_of(reading(0.1, card(0.2), split), reading(0.1, card(0.8), split))
    whole, part = samples.measured(WINDOW).cards
    assert whole.measures["utilization"].mean == pytest.approx(0.5)
    assert whole.memory_total == 140 * 10**9
    assert part.id == "GPU-split"
    assert set(part.measures) == {"memory_used", "temperature"}


def test_nothing_read_is_nothing_told() -> None:
    measured = samples_of(reading()).measured(Window(BEGAN - timedelta(hours=1), BEGAN))
    assert (measured.readings, measured.measures, measured.first) == (0, {}, None)


def test_an_older_reading_makes_room_for_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    measured = samples_of(*(reading(cpu) for cpu in (9.0, 9.0, 1.0, 2.0, 3.0))).measured(WINDOW)
    assert measured.readings == 3
    assert [value for value in measured.series["cpu"] if value is not None] == [1.0, 2.0, 3.0]
    assert measured.first == BEGAN.timestamp() + 120


def test_a_day_is_kept_at_the_default_interval() -> None:
    assert Samples(reading, 5.0)._own._rows.shape == (17_280, 6)
    assert Samples(reading, 0.001)._own._rows.shape[0] == 17_280
    assert Samples(reading, 300.0)._own._rows.shape[0] == 288


def test_a_clock_that_is_set_back_loses_no_reading() -> None:
    ring = Ring(1, 10)
    for at in (BEGAN.timestamp(), BEGAN.timestamp() + 5, BEGAN.timestamp() - 60):
        ring.add(at, (1.0,))
    began = BEGAN.timestamp()
    assert ring.between(WINDOW)[:, 0].tolist() == [began, began + 5, began + 5]


def test_a_reading_that_fails_is_a_gap_and_one_line_and_the_next_is_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    read = threading.Event()
    failures = iter(range(3))

    def uncertain() -> Reading:
        if next(failures, None) is not None:
            raise OSError("no such file: /proc")
        read.set()
        return reading()

    samples = Samples(uncertain, 0.001)
    with caplog.at_level(logging.ERROR):
        samples.start()
        assert read.wait(30)
        samples.close()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_the_real_process_is_read_in_its_own_thread(tmp_path: Path) -> None:
    system, taken = System(tmp_path), threading.Event()

    def read() -> Reading:
        found = system.read()
        taken.set()
        return found

    samples = Samples(read, 0.01)
    samples.start()
    assert taken.wait(30)
    samples.close()
    (thread,) = [samples._thread]
    assert thread is not None
    assert not thread.is_alive()
    measures = samples.measured(Window.of("1m")).measures
    assert measures["memory"].min > 10**6
    assert measures["open_files"].min >= 1
    assert measures["disk_free"].max > 0


def test_an_interval_of_zero_reads_nothing() -> None:
    def never() -> Reading:
        raise AssertionError("it was read")

    samples = Samples(never, 0.0)
    samples.start()
    assert samples._thread is None
    assert samples.measured(WINDOW).readings == 0
    samples.close()
