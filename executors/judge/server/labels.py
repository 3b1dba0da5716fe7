"""The labels of a short answer, `{"violation": true, "instruction": false}`, and how sure they are.

A constrained server samples a token that spells the label's start; which alternatives stood beside
it says more than which won. The label's probability is the share of the alternatives that spell its
start among those that spell either's.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from executors.judge.answer import UnusableAnswer
from executors.judge.server.reply import Reply, Token

_WORDS = {True: "true", False: "false"}


@dataclass(frozen=True)
class Label:
    """One label as the server gave it."""

    value: bool
    probability: float | None
    """Of `true`; None where the server gives no token probabilities."""

    def calibrated(self, temperature: float = 1.0) -> float:
        """The probability of `true` with its logit divided by `temperature`; else 1 or 0."""
        if self.probability is None:
            return float(self.value)
        if not 0 < self.probability < 1:
            return self.probability
        logit = math.log(self.probability) - math.log1p(-self.probability)
        return 1 / (1 + math.exp(-max(-700.0, min(700.0, logit / temperature))))


def schema(keys: Sequence[str]) -> dict[str, object]:
    """The JSON schema of a short answer."""
    return {
        "type": "object",
        "properties": {key: {"type": "boolean"} for key in keys},
        "required": list(keys),
        "additionalProperties": False,
    }


def read_labels(reply: Reply, keys: Sequence[str]) -> dict[str, Label]:
    """Each key's label. Raises `UnusableAnswer` when the answer is not exactly these."""
    fenced = re.fullmatch(r"\s*```(?:json)?\s*(.*?)\s*```\s*", reply.text, re.DOTALL)
    try:
        data = json.loads(fenced.group(1) if fenced else reply.text)
    except (ValueError, RecursionError):
        raise UnusableAnswer("not one JSON object") from None
    if not isinstance(data, dict) or set(data) != set(keys):
        raise UnusableAnswer(f"not an object of {', '.join(keys)}")
    if not all(isinstance(value, bool) for value in data.values()):
        raise UnusableAnswer("a label is neither true nor false")
    return {key: Label(data[key], _probability(reply.tokens, key)) for key in keys}


def _probability(tokens: Sequence[Token], key: str) -> float | None:
    """Of `true` after the key, by the token in which the label starts."""
    found = _label_token(tokens, key)
    if found is None:
        return None
    token, lead = found
    listed = dict([(token.text, token.logprob), *token.alternatives])
    mass = {True: 0.0, False: 0.0}
    for text, logprob in listed.items():
        value = _spelt(text, lead)
        if value is not None:
            mass[value] += math.exp(logprob)
    # A label that is not listed is no likelier than the least that is, nor than what they leave.
    unseen = min(math.exp(min(listed.values())), max(0.0, 1 - sum(map(math.exp, listed.values()))))
    yes, no = (mass[value] or unseen for value in (True, False))
    return yes / (yes + no) if yes + no > 0 else None


def _label_token(tokens: Sequence[Token], key: str) -> tuple[Token, str] | None:
    """The token in which the key's label starts, and what of the token stands before it."""
    text = "".join(token.text for token in tokens)
    starts = [match.end() for match in re.finditer(rf'"{key}"\s*:\s*(?=true|false)', text)]
    if not starts:
        return None
    end = 0
    for token in tokens:
        start, end = end, end + len(token.text)
        if starts[-1] < end:
            return token, token.text[: starts[-1] - start]
    return None


def _spelt(text: str, lead: str) -> bool | None:
    """Which label a token starts; None for neither, or for one that only leads up to it."""
    if lead.strip():
        if not text.startswith(lead):
            return None
        text = text[len(lead) :]
    text = text.lstrip()
    for value, word in _WORDS.items():
        if text and (word.startswith(text) or text.startswith(word)):
            return value
    return None
