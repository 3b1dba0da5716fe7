"""Spans that are kept in this process instead of exported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from executors.shared.telemetry import traceparent as w3c
from executors.shared.telemetry.spans import OpenSpan, Spans, use


class Kept:
    """What an outbox would have got."""

    def __init__(self) -> None:
        self.spans: list[OpenSpan] = []

    def put(self, span: OpenSpan) -> None:
        self.spans.append(span)

    def close(self) -> None:
        """Nothing is left."""

    def named(self, name: str) -> list[OpenSpan]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> OpenSpan:
        (found,) = self.named(name)
        return found


@contextmanager
def keeping(share: float = 1.0) -> Iterator[Kept]:
    """While inside, the spans of this process that end."""
    kept = Kept()
    before = use(Spans(kept, share))
    try:
        yield kept
    finally:
        use(before)


def traceparent(trace: int, span: int = 1, *, sampled: bool = True) -> str:
    """Of small numbers."""
    return w3c.make(f"{trace:032x}", f"{span:016x}", sampled)
