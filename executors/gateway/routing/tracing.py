"""Ads on their way into the rooms: each gets the gateway's span of its trace as its parent."""

from __future__ import annotations

import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from jina.types.request.data import DataRequest
from opentelemetry import trace

from executors.gateway.routing.pictures import documents
from executors.gateway.routing.timing import ARRIVED
from executors.shared.telemetry import traceparent as w3c
from executors.shared.telemetry.spans import OpenSpan, Spans, spans
from executors.shared.telemetry.tracing import room_form

CARRIES = frozenset({"/review", "/embed", "/search"})
"""Endpoints whose documents have a `traceparent`."""
_FIELD = "traceparent"


class Traced:
    """The spans of one message's ads, beside that of their request."""

    def __init__(self) -> None:
        self.opened: dict[str, OpenSpan] = {}
        """By the `traceparent` that the rooms get."""
        self._ads: list[str] = []

    def follow(self, ads: Sequence[Any], endpoint: str) -> None:
        """Rewrite each packed ad's `traceparent`.

        An ad of the request's own trace, or of none, is below the request's span. One that has
        another gets a span of its own, where that trace is sampled, with a link to the request's.
        """
        current = trace.get_current_span()
        context = current.get_span_context()
        if not context.is_valid:  # nobody asked from outside
            return
        of, own = spans(), w3c.of_context(context)
        above = current.parent if isinstance(current, OpenSpan) else None
        mine = {own[:52], above[:52] if above else ""}
        known: dict[str, str] = {}
        for ad in ads:
            node = ad.data[_FIELD]
            came = node.text
            goes = known.get(came)
            if goes is None:
                goes = known[came] = self._goes(of, came, own, mine, endpoint)
            if goes != came:
                node.text = goes
            self._ads.append(goes)

    def answered(self, decisions: Sequence[Any]) -> None:
        """Say on the spans what became of their ads, given in the order of the ads."""
        if not self.opened:
            return
        for goes, decision in zip(self._ads, decisions, strict=False):
            span, data = self.opened.get(goes), decision.data
            if span is None or "outcome" not in data:
                continue
            outcome = data["outcome"].text
            span.set_attribute("adjudicate.outcome", outcome)
            reasons = data["reasons"].list.data
            if outcome == "error" and reasons:
                span.fail(reasons[0].text)

    def end(self, error: BaseException | None = None) -> None:
        """The request is answered, or failed."""
        for span in self.opened.values():
            if error is not None:
                span.fail(str(getattr(error, "code", "")) or type(error).__name__)
            span.end()

    def _goes(self, of: Spans, came: str, own: str, mine: Container[str], endpoint: str) -> str:
        parent = w3c.read(came)
        if parent is None or parent[:52] in mine:
            return own
        if not of.keeps(parent):
            return came
        since = ARRIVED.get()
        late = 0 if since is None else int((time.perf_counter() - since) * 1e9)
        span = of.start(
            room_form(f"gateway{endpoint}"),
            parent,
            links=(own,) if of.keeps(own) else (),
            start_ns=time.time_ns() - late,
        )
        self.opened[span.traceparent] = span
        return span.traceparent


@contextmanager
def traced(request: DataRequest) -> Iterator[Traced]:
    """Around a request's way through the rooms."""
    ads = Traced()
    if request.header.exec_endpoint in CARRIES:
        ads.follow(documents(request), request.header.exec_endpoint)
    try:
        yield ads
    except BaseException as error:
        ads.end(error)
        raise
    ads.end()
