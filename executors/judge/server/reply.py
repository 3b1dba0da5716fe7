"""What a chat server answered: the text, and how sure it was of each token."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from executors.judge.backend import Tokens
from executors.judge.server.errors import garbage


@dataclass(frozen=True)
class Token:
    """A token of the answer with its most likely alternatives, itself among them."""

    text: str
    logprob: float
    alternatives: tuple[tuple[str, float], ...]
    """(text, natural logarithm of the probability)."""


@dataclass(frozen=True)
class Reply:
    """The first choice of an answer."""

    text: str
    tokens: tuple[Token, ...] = ()
    """Empty where the server says nothing of probabilities."""
    cost: Tokens | None = None
    """None where the server does not say."""


def read(completion: Any) -> Reply:
    """The reply of a chat completion, as the `openai` package parsed it.

    It parses without checking: a proxy's error page comes as plain text, a missing field as None.
    Raises `ServerFault` `server_garbage` for what is no chat completion.
    """
    choices = getattr(completion, "choices", None)
    if not isinstance(choices, list) or not choices:
        raise garbage("the answer is no chat completion")
    text = getattr(getattr(choices[0], "message", None), "content", None)
    if not isinstance(text, str):
        raise garbage("the answer has no text")
    logprobs = getattr(choices[0], "logprobs", None)
    return Reply(text, _tokens(logprobs), _cost(getattr(completion, "usage", None)))


def _tokens(logprobs: Any) -> tuple[Token, ...]:
    """Of a server that gives them in another shape than OpenAI's: none."""
    try:
        return tuple(
            Token(
                str(entry.token),
                _number(entry.logprob),
                tuple((str(one.token), _number(one.logprob)) for one in entry.top_logprobs or ()),
            )
            for entry in logprobs.content
        )
    except (AttributeError, TypeError, ValueError):
        return ()


def _cost(usage: Any) -> Tokens | None:
    counts = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
    read, written = (count if isinstance(count, int) and count >= 0 else None for count in counts)
    return None if read is None or written is None else Tokens(read, written)


def _number(logprob: Any) -> float:
    number = float(logprob)
    if math.isnan(number):
        raise ValueError("a logprob is not a number")
    return min(number, 0.0)
