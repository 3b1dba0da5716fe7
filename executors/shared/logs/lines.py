"""The form of a line: one JSON object, or columns for people. Rendered by structlog."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any, Literal

import orjson
import structlog
from opentelemetry import trace
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from executors.shared.logs.exceptions import said, text_of
from executors.shared.logs.secrets import Scrubber

MAX_EVENT = 2_000
"""Characters of a line's message; a longer one is cut."""
MAX_EXCEPTION = 16_000
"""Of a stack with its causes, whose end says most."""

OURS = ("adjudicate", "executors")
"""The service's own loggers, and those below them."""
_KEPT = ("uvicorn.access",)
"""Loggers of libraries that quote nothing of a request but its line."""

MADE_OF_CODES = frozenset({"adjudicate.reviews"})
"""Loggers with many lines, of nothing but ids, codes and numbers: there is no text to clean."""

_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_FIRST = ("timestamp", "level", "room", "replica", "logger", "event", "trace_id", "span_id")


def fields(**values: Any) -> dict[str, Any]:
    """What a log call takes as `extra`, so that the values stand in the line by their names.

    Those that are None or empty are left out. Whatever else libraries put into `extra`, such as a
    whole connection, stands in no line.
    """
    return {"fields": {name: value for name, value in values.items() if value not in (None, "")}}


class LineFormatter(ProcessorFormatter):
    """A log record as one line, with nothing secret in it."""

    def __init__(
        self,
        form: Literal["json", "console"],
        room: str,
        replica: int | None,
        scrubber: Scrubber,
        *,
        colors: bool = False,
    ) -> None:
        """`replica`: None for a process that can have none. `colors`: of `console`."""
        who: EventDict = {"room": room}
        if replica is not None:
            who["replica"] = replica
        super().__init__(
            foreign_pre_chain=_chain(who, iso=form == "json"),
            processors=[
                ProcessorFormatter.remove_processors_meta,
                *(_as_json() if form == "json" else _as_columns(colors)),
            ],
        )
        self._scrubber = scrubber

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = super().format(record)
        if record.name in MADE_OF_CODES:
            return self._scrubber.without_known(line)
        return self._scrubber.clean(line)


def _chain(who: EventDict, *, iso: bool) -> Sequence[Processor]:
    stamp = structlog.processors.TimeStamper(fmt="iso" if iso else "%H:%M:%S", utc=iso)

    def told(_logger: Any, _name: str, event: EventDict) -> EventDict:
        record: logging.LogRecord = event["_record"]
        message = _COLORS.sub("", event["event"]).strip()
        event["event"] = (message if _is_kept(record.name) else said(message))[:MAX_EVENT]
        event["level"] = record.levelname.lower()
        event["logger"] = record.name
        event.update(who)
        event.update(getattr(record, "fields", ()))
        if "trace_id" not in event:
            context = trace.get_current_span().get_span_context()
            if context.is_valid:
                event["trace_id"] = f"{context.trace_id:032x}"
                event["span_id"] = f"{context.span_id:016x}"
        event.pop("exc_info", None)
        event.pop("stack_info", None)
        if record.exc_info and record.exc_info[1] is not None:
            event["exception"] = text_of(record.exc_info[1])[-MAX_EXCEPTION:]
        return event

    return [stamp, told]


def _is_kept(name: str) -> bool:
    """Whether a message stays as it is. Jina logs an exception by its `repr`, asyncio a whole task
    with it, and whatever they quote."""
    return name.partition(".")[0] in OURS or name in _KEPT


def _as_json() -> list[Processor]:
    def ordered(_logger: Any, _name: str, event: EventDict) -> EventDict:
        first = {name: event.pop(name) for name in _FIRST if name in event}
        return {**first, **event}

    return [ordered, structlog.processors.JSONRenderer(serializer=_json)]


def _json(event: EventDict, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _as_columns(colors: bool) -> list[Processor]:
    def readable(_logger: Any, _name: str, event: EventDict) -> EventDict:
        event["event"] = f"{event.pop('room')}: {event['event']}"
        for name in ("logger", "span_id"):
            event.pop(name, None)
        if not event.get("replica"):
            event.pop("replica", None)
        stack = {"exception": event.pop("exception")} if "exception" in event else {}
        return {**{name: _readable(value) for name, value in event.items()}, **stack}

    render = structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False, pad_event_to=0)
    return [readable, render]


def _readable(value: Any) -> Any:
    """Text from outside cannot move a terminal's cursor, or look like a line of its own."""
    if isinstance(value, dict):
        return ", ".join(f"{_readable(name)} {_readable(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(_readable(one)) for one in value)
    if isinstance(value, str):
        return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", value)
    return value
