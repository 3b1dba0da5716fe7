"""The log of a process: one JSON object a line, or for people in a terminal."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Literal

from executors.shared.logs.flood import FloodBound
from executors.shared.logs.libraries import take_over_jina
from executors.shared.logs.lines import OURS, LineFormatter
from executors.shared.logs.secrets import Scrubber
from executors.shared.settings import TelemetrySettings

_logger = logging.getLogger("adjudicate.process")


class LineHandler(logging.Handler):
    """Writes to standard error, each line at once and whole. Never raises."""

    def __init__(self, formatter: LineFormatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._bound = FloodBound()

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, unless there were too many like it."""
        try:
            for admitted in self._bound.admit(record):
                self._write(admitted)
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """One line in the place of one that cannot be made. The record's arguments may be anything,
        and logging's own report would show them."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError) or _is_closed():
            return  # nobody reads any more, or the disk is full: there is nowhere to say so
        told = f"a log call at {record.filename}:{record.lineno} failed: {type(error).__name__}"
        instead = logging.LogRecord(record.name, logging.ERROR, "", 0, told, None, None)
        try:
            self._write(instead)
        except (OSError, ValueError):
            return

    def close(self) -> None:
        """Say what was left out and is not told yet."""
        try:
            for record in self._bound.rest():
                self._write(record)
        except (OSError, ValueError):
            pass  # as in `handleError`
        super().close()

    def _write(self, record: logging.LogRecord) -> None:
        stream = sys.stderr
        if stream is not None:
            stream.write(f"{self.format(record)}\n")
            stream.flush()


_handler: LineHandler | None = None


def open_logs(
    settings: TelemetrySettings, room: str, replica: int | None = None, secrets: Iterable[str] = ()
) -> None:
    """Has every logger of this process write to standard error by the settings.

    `replica`: None for a process that can have none; `secrets`: values that stand in no line. A
    second call takes the place of the first.
    """
    global _handler
    form = _form(settings.log_format)
    formatter = LineFormatter(form, room, replica, Scrubber(secrets), colors=_is_terminal())
    if _handler is not None:
        logging.root.removeHandler(_handler)
    _handler = LineHandler(formatter)
    logging.root.addHandler(_handler)
    _set_levels(settings)
    take_over_jina()
    logging.captureWarnings(True)
    _log_uncaught()


def close_logs() -> None:
    """Say what is left to say; for a process that ends without Python's own clean-up."""
    if _handler is not None:
        _handler.close()


def logs_are_open() -> bool:
    """Whether `open_logs` was called in this process."""
    return _handler is not None


def _form(wanted: Literal["auto", "json", "console"]) -> Literal["json", "console"]:
    if wanted == "auto":
        return "console" if _is_terminal() else "json"
    return wanted


def _is_terminal() -> bool:
    return sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty()


def _is_closed() -> bool:
    return sys.stderr is None or sys.stderr.closed


def _set_levels(settings: TelemetrySettings) -> None:
    """Libraries say warnings and worse, unless `log_levels` names them: httpx would log each
    request, and httpcore its headers."""
    level = logging.getLevelName(settings.log_level)
    logging.root.setLevel(max(level, logging.WARNING))
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    for name, own in settings.log_levels.items():
        logging.getLogger(name).setLevel(own)


def _log_uncaught() -> None:
    """What ends a process or a thread is a line like any other. A hook that somebody else has put
    there for threads, such as pytest's, stays."""
    sys.excepthook = _uncaught
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _uncaught_in_thread
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _unraisable


def _uncaught(kind: type[BaseException], error: BaseException, stack: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, stack)
        return
    _logger.critical("the process ends by an error", exc_info=(kind, error, stack))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or issubclass(args.exc_type, SystemExit):
        return
    name = args.thread.name if args.thread is not None else "a thread"
    found = (args.exc_type, args.exc_value, args.exc_traceback)
    _logger.error("the thread %s ended by an error", name, exc_info=found)


def _unraisable(args: Any) -> None:
    if args.exc_value is None:
        return
    what = args.err_msg or "an error where none can be raised"
    found = (args.exc_type, args.exc_value, args.exc_traceback)
    _logger.error("%s", what, exc_info=found)
