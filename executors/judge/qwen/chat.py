"""The chat of an ad as tokens: rendered once per rules, market and kind of ad; then filled in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from adjudicate.errors import ConfigurationError
from executors.judge.backend import QuestionRefused
from executors.judge.prompt import (
    INSTRUCTION_PREFIX,
    LABELS,
    VERDICT_PREFIX,
    RuleText,
    Style,
    clean,
    messages,
    rules_text,
)

_COPY = "copy-of-the-ad-4711"
"""Stands in for the copy while the template is rendered: a plain word, which no step changes."""


@dataclass(frozen=True)
class Template:
    """The chat of all ads with the same rules, market, and picture or none."""

    prefix: tuple[int, ...]
    """Tokens that all ads with these rules begin with. Empty where a model's template has none."""
    head: str
    tail: str
    """Text before and behind the copy, without the prefix."""
    special: int
    """Special tokens behind the prefix."""


@dataclass(frozen=True)
class Label:
    """A label pass: the tokens of its forced start, and those of `false` and `true`."""

    start: tuple[int, ...]
    no: int
    yes: int


class Chat:
    """Makes the tokens of questions. Safe to call from several threads."""

    def __init__(self, processor: Any, style: Style) -> None:
        self._processor = processor
        self._tokenizer = processor.tokenizer
        self._style = style
        added = self._tokenizer.added_tokens_decoder
        self._special = frozenset(added) | frozenset(self._tokenizer.all_special_ids)
        strings = [str(token) for token in added.values() if token.special]
        self._boundary = re.compile("|".join(map(re.escape, strings))) if strings else None
        self.image_token = int(processor.image_token_id)
        self.verdict = self._label(VERDICT_PREFIX)
        self.instruction = self._label(INSTRUCTION_PREFIX)
        self._template = lru_cache(maxsize=256)(self._make_template)

    def tokens(
        self, *, market: str, copy: str, has_image: bool, rules: Sequence[RuleText]
    ) -> tuple[tuple[int, ...], list[int]]:
        """Return the tokens of the shared prefix and those behind it; a picture is one of them.

        Raises `QuestionRefused` if the copy makes special tokens of the chat.
        """
        key = rules_text(self._style, rules)
        template = self._template(key, market, has_image, _Rules(key, rules))
        text = f"{template.head}{clean(copy)}{template.tail}"
        tokens = self._encoded(text, whole=not template.prefix)
        if self._count(tokens) != template.special:
            raise QuestionRefused("the copy holds special tokens of the judge's chat")
        return template.prefix, tokens

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of written tokens, without the special ones."""
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True))

    def _make_template(self, _: str, market: str, has_image: bool, given: _Rules) -> Template:
        text = self._rendered(market, has_image, given.rules, _COPY)
        other = self._rendered(f"not {market}", not has_image, given.rules, "")
        head, found, tail = text.partition(_COPY)
        if not found or _COPY in tail:
            raise ConfigurationError(
                "The chat template of the judge's model changes the copy of an ad, or repeats it: "
                "it cannot serve as a judge."
            )
        cut = self._boundary_before(_common(text, other))
        whole = self._encoded(text, whole=True)
        prefix = self._encoded(text[:cut], whole=True) if cut else []
        if prefix + self._encoded(text[cut:], whole=not cut) != whole:
            prefix, cut = [], 0
        special = self._count(whole) - self._count(prefix)
        return Template(tuple(prefix), head[cut:], tail, special)

    def _rendered(self, market: str, has_image: bool, rules: Sequence[RuleText], copy: str) -> str:
        chat = messages(self._style, market=market, copy=copy, has_image=has_image, rules=rules)
        return str(
            self._processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        )

    def _boundary_before(self, common: str) -> int:
        """The end of the last special token: text is cut into tokens anew behind each."""
        if self._boundary is None:
            return 0
        return max((found.end() for found in self._boundary.finditer(common)), default=0)

    def _encoded(self, text: str, *, whole: bool) -> list[int]:
        """Tokens of a text; with what the tokenizer puts around a `whole` one."""
        backend = self._tokenizer.backend_tokenizer
        return list(backend.encode(text, add_special_tokens=whole).ids)

    def _count(self, tokens: Sequence[int]) -> int:
        return sum(1 for token in tokens if token in self._special)

    def _label(self, prefix: str) -> Label:
        chat = self._rendered("any", False, (), _COPY)
        before = self._encoded(chat, whole=True)
        known = self._encoded(chat + prefix, whole=True)
        answers = []
        for label in LABELS:
            tokens = self._encoded(chat + prefix + label, whole=True)
            kept = known[: len(before)] == before and tokens[: len(known)] == known
            if not kept or len(tokens) == len(known):
                raise ConfigurationError(
                    "The tokenizer of the judge's model does not keep "
                    f"{prefix!r} apart from its label: it cannot serve as a judge."
                )
            answers.append(tokens[len(known)])
        no, yes = answers
        if no == yes:
            raise ConfigurationError(
                "The tokenizer of the judge's model gives both labels one token."
            )
        return Label(tuple(known[len(before) :]), no, yes)


def _common(one: str, other: str) -> str:
    """The text that both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    differs = next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
    return one[:differs]


class _Rules:
    """Rules that are told apart by their text."""

    def __init__(self, text: str, rules: Sequence[RuleText]) -> None:
        self.rules = rules
        self._text = text

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rules) and self._text == other._text
