"""The spans of a process.

One of the OpenTelemetry SDK takes 16 µs of CPU to make and 21 to encode (measured, 1.45.1), and an
ad has one in each room. These take a fourth, and to those around them are OpenTelemetry's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from random import Random
from typing import Protocol

from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import Span, SpanContext, SpanKind, TraceFlags
from opentelemetry.util.types import AttributeValue

from executors.shared.settings import TelemetrySettings
from executors.shared.telemetry import traceparent as w3c
from executors.shared.telemetry.export import Receiver
from executors.shared.telemetry.outbox import Outbox, packed

Attributes = Mapping[str, AttributeValue]

MOST_LINKS = 1_024
"""Of one span: a batch of more ads links to the first of them."""
ERROR_TYPE = "error.type"

_LOW = (1 << 64) - 1
_bits = Random().getrandbits  # noqa: S311 - ids are no secrets; its own: nobody else seeds it


_KINDS = {
    SpanKind.INTERNAL: SpanMessage.SPAN_KIND_INTERNAL,
    SpanKind.SERVER: SpanMessage.SPAN_KIND_SERVER,
    SpanKind.CLIENT: SpanMessage.SPAN_KIND_CLIENT,
}


class Form:
    """What spans of one sort have alike, encoded once."""

    __slots__ = ("name", "packed")

    def __init__(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes | None = None,
    ) -> None:
        self.name = name
        message = SpanMessage(
            name=name,
            kind=_KINDS[kind],
            attributes=packed((attributes or {}).items()),
        )
        self.packed = message.SerializeToString()


class Takes(Protocol):
    """Where spans go when they end."""

    def put(self, span: OpenSpan) -> None:
        """From any thread; does not wait."""

    def close(self) -> None:
        """Send what is left."""


class OpenSpan(Span):
    """A span that is recorded when it ends. Other threads may add to it meanwhile."""

    def __init__(
        self,
        to: Takes,
        form: Form,
        traceparent: str,
        parent: str | None,
        *,
        remote: bool,
        start_ns: int | None,
        links: Iterable[str],
    ) -> None:
        self.form = form
        self.name = form.name
        self.traceparent = traceparent
        """Its own, for those below it."""
        self.parent = parent
        """That of the span above it; None for the first of a trace."""
        self.remote = remote
        """Whether that one is another process's."""
        self.attributes: dict[str, AttributeValue] = {}
        self.links = list(links)
        self.failed = ""
        self.start_ns = start_ns or time.time_ns()
        self.end_ns = 0
        self._to: Takes | None = to

    def get_span_context(self) -> SpanContext:
        """As OpenTelemetry's."""
        return w3c.context_of(self.traceparent, remote=False)

    def is_recording(self) -> bool:
        """Until it ends."""
        return self._to is not None

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """As OpenTelemetry's. Never with what an ad holds."""
        self.attributes[key] = value

    def set_attributes(self, attributes: Attributes) -> None:
        """As OpenTelemetry's. Never with what an ad holds."""
        self.attributes.update(attributes)

    def update_name(self, name: str) -> None:
        """As OpenTelemetry's."""
        self.name = name

    def link(self, traceparent: str) -> None:
        """Link to another span; past `MOST_LINKS` it does nothing."""
        if len(self.links) < MOST_LINKS:
            self.links.append(traceparent)

    def add_link(self, context: SpanContext, attributes: object = None) -> None:
        """As OpenTelemetry's, without attributes."""
        if context.is_valid:
            self.link(w3c.of_context(context))

    def fail(self, code: str) -> None:
        """It went wrong, by a code: an error's message may quote an ad. The first one counts."""
        if not self.failed:
            self.failed = code
            self.attributes[ERROR_TYPE] = code

    def add_event(self, *args: object, **kwargs: object) -> None:
        """Not recorded."""

    def set_status(self, *args: object, **kwargs: object) -> None:
        """Not recorded: see `fail`."""

    def record_exception(self, *args: object, **kwargs: object) -> None:
        """Not recorded: its message may quote an ad."""

    def forget(self) -> None:
        """Record nothing of it."""
        self._to = None

    def end(self, end_time: int | None = None) -> None:
        """Record it, once."""
        to, self._to = self._to, None
        if to is not None:
            self.end_ns = end_time or time.time_ns()
            to.put(self)


class Spans:
    """Makes spans of the traces that are sampled, and puts them into `to` when they end.

    Every process samples by the trace id alone, and so the same traces. A client may ask for less,
    by the flag in its `traceparent`, and never for more.
    """

    def __init__(self, to: Takes | None = None, share: float = 1.0) -> None:
        """`to`: None makes no spans at all."""
        self.on = to is not None
        self._to = to
        self._below = round(share * (_LOW + 1)) if self.on else 0

    def keeps(self, traceparent: str) -> bool:
        """Whether spans below this valid one are recorded.

        As OpenTelemetry's `TraceIdRatioBased`: by the lower 64 bits of the trace id.
        """
        return w3c.is_sampled(traceparent) and int(traceparent[19:35], 16) < self._below

    def keeps_span(self, span: SpanContext) -> bool:
        """As `keeps`."""
        sampled = bool(span.trace_flags & TraceFlags.SAMPLED)
        return sampled and span.trace_id & _LOW < self._below

    def above(self, traceparent: str | None) -> str | None:
        """The `traceparent`, if it names a span and spans below that one are recorded."""
        valid = w3c.read(traceparent) if self.on else None
        return valid if valid is not None and self.keeps(valid) else None

    def root(self) -> str:
        """The first span of a trace that begins here."""
        trace_id, span_id = f"{_bits(128) or 1:032x}", f"{_bits(64) or 1:016x}"
        return w3c.make(trace_id, span_id, int(trace_id[16:], 16) < self._below)

    def start(
        self,
        form: Form,
        parent: str,
        *,
        remote: bool = True,
        links: Iterable[str] = (),
        start_ns: int | None = None,
    ) -> OpenSpan:
        """A span below one that `keeps` has said yes to. `remote`: that is another process's."""
        assert self._to is not None
        own = f"{parent[:36]}{_bits(64) or 1:016x}-01"
        return OpenSpan(self._to, form, own, parent, remote=remote, start_ns=start_ns, links=links)

    def first(self, form: Form, root: str) -> OpenSpan:
        """The span that `root` has named."""
        assert self._to is not None
        return OpenSpan(self._to, form, root, None, remote=False, start_ns=None, links=())

    def close(self) -> None:
        """Export what is left. Blocks: see `closing`."""
        if self._to is not None:
            self._to.close()


_OFF = Spans()
_current = _OFF


def spans() -> Spans:
    """Those of this process; until `open_traces`, none are made."""
    return _current


def use(new: Spans) -> Spans:
    """Make `new` those of this process. Returns what was before."""
    global _current
    before, _current = _current, new
    return before


def open_traces(
    settings: TelemetrySettings, resource: Resource, receiver: Receiver | None
) -> Spans:
    """Begin to make spans in this process, where they are wanted and there is a receiver."""
    wanted = settings.traces and settings.sample_share > 0
    if receiver is None or not wanted:
        use(_OFF)
        return _OFF
    made = Spans(Outbox(receiver, resource), settings.sample_share)
    use(made)
    return made
