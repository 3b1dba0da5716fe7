"""What the judge said, and what it cost, as metrics."""

from __future__ import annotations

from executors.judge.backend import Tokens
from executors.judge.review import Review
from executors.shared.telemetry.catalogue import JUDGE_TOKENS, JUDGED


def count_judged(review: Review) -> None:
    """Count one ad's verdict."""
    JUDGED.add(1, {"verdict": review.verdict, "cached": "true" if review.cached else "false"})


def count_tokens(tokens: Tokens | None, provider: str, model: str, traceparent: str | None) -> None:
    """Count what one ad cost that was judged anew."""
    if tokens is None:
        return
    for kind, count in (("input", tokens.read), ("output", tokens.written)):
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.token.type": kind,
            "gen_ai.request.model": model,
        }
        JUDGE_TOKENS.record(count, attributes, traceparent or "")
