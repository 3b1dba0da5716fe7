"""The model's tokenizer behind a wall: what it is given can neither steer nor exhaust it."""

from __future__ import annotations

import html
import re
import threading
import unicodedata
from typing import Any

import torch

from adjudicate.errors import ConfigurationError

_STOCK_SPECIAL = ("<start_of_text>", "<end_of_text>")
_BLANK = {"Cf": "", "Cc": " ", "Cs": " "}
_MAX_WRAPS = 8
_MAX_CACHE = 100_000
"""Words that open_clip's tokenizer may remember; it would remember every word it ever saw."""


class Tokens:
    """open_clip's tokenizer for one model. Safe to call from several threads.

    Raises `ConfigurationError` if it does not belong to the model: `get_tokenizer` falls back
    silently to the stock vocabulary.
    """

    def __init__(self, tokenizer: Any, model: Any) -> None:
        self._tokenizer = tokenizer
        self._hub = getattr(tokenizer, "tokenizer", None)
        self._lock = threading.Lock()
        self.context = int(tokenizer.context_length)
        self._clean = tokenizer.clean_fn
        if not self._hub:
            # What is tokenized was cleaned here; cleaning it again for every count takes longer
            # than counting, and could bring back what was taken out.
            tokenizer.clean_fn = str
        special = self._hub.all_special_tokens if self._hub else _STOCK_SPECIAL
        self._special = re.compile("|".join(map(re.escape, special)), re.IGNORECASE)
        self._check(model)

    def clean(self, text: str) -> str:
        """The text as the model reads it, line by line, with nothing left that steers the model.

        An end-of-text mark in a copy would end the copy for CLIP: what follows would go unread.
        Invisible characters would split a word for the model and not for a reader.
        """
        lines = (self._clean_line(line) for line in text.splitlines())
        return "\n".join(line for line in lines if line)

    def count(self, text: str) -> int:
        """The length of a clean text in tokens, the marks of its start and end included."""
        with self._lock:
            if self._hub:
                return len(self._hub(text)["input_ids"])
            self._trim()
            return len(self._tokenizer.encode(text)) + 2

    def __call__(self, texts: list[str]) -> torch.Tensor:
        """Token ids `[N, context] int64` of any texts; longer ones are cut."""
        cleaned = [self.clean(text) for text in texts]
        with self._lock:
            self._trim()
            ids: torch.Tensor = self._tokenizer(cleaned)
            return ids

    def _clean_line(self, line: str) -> str:
        text = _visible(line)
        for _ in range(_MAX_WRAPS):
            # Repeated, as a mark may be wrapped: in HTML entities, in full-width characters, ….
            cleaned = self._clean(_unescaped(text))
            if cleaned == text:
                break
            text = cleaned
        return self._special.sub(" ", _visible(text)).strip()

    def _trim(self) -> None:
        cache = getattr(self._tokenizer, "cache", None)
        if cache is not None and len(cache) > _MAX_CACHE:
            self._tokenizer.cache = {token: token for token in _STOCK_SPECIAL}

    def _check(self, model: Any) -> None:
        tower = getattr(model, "text", model)
        size = len(self._hub) if self._hub else self._tokenizer.vocab_size
        known = getattr(tower, "vocab_size", None)
        # Tables of hub models are often padded beyond the vocabulary.
        wrong = known is not None and (size > known if self._hub else size != known)
        if wrong:
            raise ConfigurationError(
                f"The model has a vocabulary of {known} tokens and its tokenizer one of {size}."
            )
        context = getattr(tower, "context_length", self.context)
        if context != self.context:
            raise ConfigurationError(
                f"The model reads {context} tokens and its tokenizer makes {self.context}."
            )


def _unescaped(text: str) -> str:
    while (plain := html.unescape(text)) != text:
        text = plain
    return text


def _visible(text: str) -> str:
    """Without characters of no width; with a blank for control characters and lone surrogates."""
    return "".join(_BLANK.get(unicodedata.category(char), char) for char in text)
