"""The ads of one request on their way: what each is sent with, and which have no decision yet."""

from __future__ import annotations

import uuid

from opentelemetry.trace import Span

from adjudicate.documents import Ad, Decision, Problem
from adjudicate.errors import AdjudicateError
from adjudicate.pipeline import Batch, Decided, Failed
from adjudicate.tracing import end_span, start_span, trace_id


class Outgoing:
    """Copies of the ads, each with its trace, its deadline and its idempotency key.

    They are made once, so that an ad has the same key however often it is sent.
    """

    def __init__(self, batch: Batch, deadline: float | None) -> None:
        """`deadline`, Unix time in seconds, is that of the ads that have none of their own."""
        self._batch = batch
        self._spans: dict[int, Span] = {}
        self.left: dict[int, Ad] = {}
        """By their positions in the input."""
        for item in batch:
            span, traceparent = start_span(item.ad)
            own = item.ad.deadline
            self._spans[item.index] = span
            self.left[item.index] = item.ad.model_copy(
                update={
                    "traceparent": traceparent,
                    "deadline": own if own is not None else deadline,
                    "idempotency_key": item.ad.idempotency_key or uuid.uuid4().hex,
                }
            )

    def decided(self, index: int, decision: Decision) -> Decided:
        """The ad has its decision."""
        del self.left[index]
        end_span(self._spans.pop(index), decision)
        return Decided(index, decision)

    def unsendable(self) -> list[Decided]:
        """The decisions of the ads that cannot be sent: what could not be parsed, for one."""
        broken = [(index, ad, ad.problem) for index, ad in self.left.items() if ad.problem]
        return [
            self.decided(index, undecided(ad, problem.code, problem.detail))
            for index, ad, problem in broken
        ]

    def failed(self, error: AdjudicateError) -> Failed:
        """The request failed for good."""
        for span in self._spans.values():
            end_span(span, error)
        return Failed(error, [item for item in self._batch if item.index in self.left])


def undecided(ad: Ad, code: str, detail: str) -> Decision:
    """The `error` decision of an ad that the service never judged."""
    return Decision(
        ad_id=ad.id,
        outcome="error",
        reasons=[str(code)],
        problem=Problem(code=str(code), detail=detail),
        trace_id=trace_id(ad.traceparent),
    )
