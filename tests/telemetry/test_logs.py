"""The form of the log: one JSON object a line whoever writes it, or columns in a terminal."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jina.logging.logger import JinaLogger
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from executors.shared.logs.lines import fields
from executors.shared.settings import ROOT, Settings, TelemetrySettings
from executors.shared.telemetry import logs
from executors.shared.telemetry.logs import close_logs, open_logs

TRACE, SPAN = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """The lines written since the last call, each parsed; what the process had is put back."""
    levels = {name: logging.getLogger(name).level for name in ("", *logs.OURS)}
    before = logs._handler
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    logging.captureWarnings(False)
    assert logs._handler is not None
    logging.root.removeHandler(logs._handler)
    logs._handler = before
    if before is not None:
        logging.root.addHandler(before)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def opened(room: str = "ledger", replica: int | None = 1, **settings: Any) -> None:
    open_logs(TelemetrySettings(**{"log_format": "json", **settings}), room, replica)


def test_a_line_says_when_who_what_and_its_values(lines: Lines) -> None:
    opened()
    logging.getLogger("executors.ledger.store").info(
        "%d rows", 3, extra=fields(code="ok", caller="", ms={"ledger": 1.5})
    )
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "room": "ledger",
        "replica": 1,
        "logger": "executors.ledger.store",
        "event": "3 rows",
        "code": "ok",
        "ms": {"ledger": 1.5},
    }


def test_a_line_of_several_lines_is_one(lines: Lines) -> None:
    opened()
    logging.getLogger("executors.x").warning('one\ntwo\r\n{"level":"error"}')
    (line,) = lines()
    assert line["event"] == 'one\ntwo\r\n{"level":"error"}'
    assert line["level"] == "warning"


def test_a_line_names_the_span_that_it_was_written_in(lines: Lines) -> None:
    opened()
    span = NonRecordingSpan(SpanContext(TRACE, SPAN, True, TraceFlags(1)))
    with trace.use_span(span):
        logging.getLogger("executors.x").info("inside")
        logging.getLogger("executors.x").info("of another", extra=fields(trace_id="0" * 31 + "1"))
    logging.getLogger("executors.x").info("outside")
    inside, other, outside = lines()
    assert (inside["trace_id"], inside["span_id"]) == (f"{TRACE:032x}", f"{SPAN:016x}")
    assert other["trace_id"] == "0" * 31 + "1"
    assert "span_id" not in other
    assert "trace_id" not in outside


def test_the_level_is_that_of_ours_and_libraries_say_warnings_only(lines: Lines) -> None:
    opened(log_level="INFO")
    for name in ("executors.judge", "adjudicate.reviews", "httpx"):
        for level in (logging.DEBUG, logging.INFO, logging.WARNING):
            logging.getLogger(name).log(level, "said")
    assert [(line["logger"], line["level"]) for line in lines()] == [
        ("executors.judge", "info"),
        ("executors.judge", "warning"),
        ("adjudicate.reviews", "info"),
        ("adjudicate.reviews", "warning"),
        ("httpx", "warning"),
    ]
    opened(log_level="ERROR")
    logging.getLogger("executors.judge").warning("not said")
    logging.getLogger("httpx").warning("not said")
    assert lines() == []


def test_single_loggers_have_levels_of_their_own(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "ADJUDICATE_TELEMETRY__LOG_LEVELS", "executors.library=DEBUG, adjudicate.reviews=WARNING"
    )
    monkeypatch.setenv("ADJUDICATE_TELEMETRY__LOG_FORMAT", "json")
    levels = Settings().telemetry
    try:
        open_logs(levels, "library", 0)
        logging.getLogger("executors.library.store").debug("looked")
        logging.getLogger("executors.ledger").debug("looked")
        logging.getLogger("adjudicate.reviews").info("reviewed")
        assert [line["logger"] for line in lines()] == ["executors.library.store"]
    finally:
        for name in levels.log_levels:
            logging.getLogger(name).setLevel(logging.NOTSET)


def test_jinas_loggers_write_lines_too_and_keep_their_level(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JINA_LOG_LEVEL", "WARNING")
    earlier = JinaLogger("of-a-pod-before")
    opened()
    later = JinaLogger("of-a-pod-after")
    for logger in (earlier, later):
        logger.warning("a room is slow")
        logger.info("not said")
    assert [(line["logger"], line["event"]) for line in lines()] == [
        ("of-a-pod-before", "a room is slow"),
        ("of-a-pod-after", "a room is slow"),
    ]


def test_a_warning_is_a_line(lines: Lines) -> None:
    logging.captureWarnings(False)  # an earlier test's, so that this one is by `open_logs`
    with warnings.catch_warnings():
        opened()
        warnings.simplefilter("always")
        warnings.warn("old", UserWarning, stacklevel=1)
    (line,) = lines()
    assert (line["logger"], line["level"]) == ("py.warnings", "warning")
    assert "UserWarning: old" in line["event"]
    assert "\x1b" not in line["event"]


def test_a_log_call_that_is_wrong_is_one_line_without_its_arguments(lines: Lines) -> None:
    opened()
    assert logs._handler is not None
    # Not by a logger: pytest's own handler would raise it.
    wrong_call = ("executors.x", logging.WARNING, __file__, 1, "of %d", ("cures everything",), None)
    logs._handler.handle(logging.LogRecord(*wrong_call))
    logging.getLogger("executors.x").warning("still here")
    wrong, after = lines()
    assert wrong["level"] == "error"
    assert "test_logs.py" in wrong["event"]
    assert "TypeError" in wrong["event"]
    assert "cures" not in json.dumps(wrong)
    assert after["event"] == "still here"


def test_what_a_library_adds_to_its_lines_is_left_out(lines: Lines) -> None:
    opened()
    logging.getLogger("websockets").warning("closed", extra={"websocket": object(), "id": "x"})
    (line,) = lines()
    assert set(line) == {"timestamp", "level", "room", "replica", "logger", "event"}


def test_a_terminal_gets_columns_that_nothing_from_outside_can_forge(
    lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(log_format="console", replica=0)
    logging.getLogger("executors.x").info(
        "case %s", "a\n12:00:00 [info] gateway: all well\x1b[2J", extra=fields(ms={"judge": 2.5})
    )
    (line,) = capsys.readouterr().err.splitlines()
    assert "ledger: case a\\x0a12:00:00" in line
    assert "judge 2.5" in line
    assert "\x1b" not in line


def test_without_a_terminal_the_form_is_json(lines: Lines) -> None:
    opened(log_format="auto")
    logging.getLogger("executors.x").info("hello")
    assert [line["event"] for line in lines()] == ["hello"]


def test_opened_twice_writes_each_line_once(lines: Lines) -> None:
    opened("supervisor", None)
    opened("ledger", 0)
    logging.getLogger("executors.x").info("hello")
    (line,) = lines()
    assert line["room"] == "ledger"


def test_an_error_that_nobody_caught_in_a_thread_is_a_line(lines: Lines) -> None:
    opened()

    def fail() -> None:
        raise OSError("the disk is gone")

    # pytest's own hook stays the process's: ours is asked as Python would ask it.
    before = threading.excepthook
    threading.excepthook = logs._uncaught_in_thread
    try:
        thread = threading.Thread(target=fail, name="indexer")
        thread.start()
        thread.join()
    finally:
        threading.excepthook = before
    (line,) = lines()
    assert line["event"] == "the thread indexer ended by an error"
    assert line["exception"].endswith("OSError: the disk is gone")


def test_an_error_that_ends_the_process_is_a_line_and_what_was_left_out_is_told() -> None:
    code = """
import logging
from executors.shared.settings import TelemetrySettings
from executors.shared.telemetry.logs import open_logs
open_logs(TelemetrySettings(), "judge", 0)
for n in range(50):
    logging.getLogger("executors.x").warning("again")
1 / 0
"""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 1
    said = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [line["level"] for line in said[-2:]] == ["critical", "warning"]
    assert said[-2]["exception"].endswith("ZeroDivisionError: division by zero")
    assert said[-1]["left_out"] == 50 - (len(said) - 2)


def test_a_closed_error_stream_ends_nothing(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        closed = False

        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

        def isatty(self) -> bool:
            return False

    opened()
    monkeypatch.setattr(sys, "stderr", Full())
    logging.getLogger("executors.x").warning("lost")
    close_logs()
    monkeypatch.undo()
    assert lines() == []
