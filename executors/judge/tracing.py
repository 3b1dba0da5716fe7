"""The judge's spans, by OpenTelemetry's conventions for generative AI.

They never hold a prompt or an answer: both are about an ad.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import SplitResult

from opentelemetry import trace
from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import (
    GEN_AI_OPERATION_NAME,
    GEN_AI_PROVIDER_NAME,
    GEN_AI_REQUEST_MAX_TOKENS,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_USAGE_INPUT_TOKENS,
    GEN_AI_USAGE_OUTPUT_TOKENS,
)
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from executors.judge.backend import Tokens
from executors.judge.server.errors import CallFailed
from executors.judge.server.reply import Reply
from executors.shared.telemetry.spans import Form, OpenSpan, spans
from executors.shared.telemetry.tracing import under


class Model(Protocol):
    """What a span says of a model in this process."""

    @property
    def name(self) -> str: ...
    @property
    def device(self) -> str: ...


def note_batch(model: Model, tokens: Iterable[Tokens | None]) -> None:
    """Say on the current span which model the batch went through, and how many tokens it had."""
    span = trace.get_current_span()
    if not span.is_recording():
        return
    known = [each for each in tokens if each is not None]
    span.update_name(f"chat {model.name}")
    span.set_attributes(
        {
            GEN_AI_OPERATION_NAME: "chat",
            GEN_AI_PROVIDER_NAME: "transformers",
            GEN_AI_REQUEST_MODEL: model.name,
            GEN_AI_USAGE_INPUT_TOKENS: sum(each.read for each in known),
            GEN_AI_USAGE_OUTPUT_TOKENS: sum(each.written for each in known),
            "adjudicate.device": model.device,
        }
    )


@contextmanager
def chat_span(
    traceparent: str | None, model: str, most_tokens: int, url: SplitResult
) -> Iterator[OpenSpan | None]:
    """A span round one request to a server, below that of its ad; None if it is not recorded."""
    parent = spans().above(traceparent)
    if parent is None:
        yield None
        return
    said: dict[str, AttributeValue] = {
        GEN_AI_OPERATION_NAME: "chat",
        GEN_AI_PROVIDER_NAME: "openai",
        GEN_AI_REQUEST_MODEL: model,
        GEN_AI_REQUEST_MAX_TOKENS: most_tokens,
        SERVER_ADDRESS: url.hostname or "",
    }
    if url.port is not None:
        said[SERVER_PORT] = url.port
    span = spans().start(Form(f"chat {model}", SpanKind.CLIENT, said), parent, remote=False)
    with under(span):
        try:
            yield span
        except CallFailed as error:
            span.fail(error.reason)
            raise


def note_usage(span: OpenSpan | None, reply: Reply) -> None:
    """Say how many tokens a request had, where the server counts them."""
    if span is not None and reply.cost is not None:
        span.set_attributes(
            {
                GEN_AI_USAGE_INPUT_TOKENS: reply.cost.read,
                GEN_AI_USAGE_OUTPUT_TOKENS: reply.cost.written,
            }
        )
