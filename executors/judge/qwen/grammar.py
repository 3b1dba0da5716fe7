"""The grammar of an answer, so that nothing but JSON of its schema can be written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from llguidance import LLExecutor, LLMatcher
from llguidance.hf import from_tokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask_par
from torch import Tensor

from adjudicate.errors import ConfigurationError
from executors.judge.answer import json_schema

# As `json.dumps` writes it, and as the models are asked for it.
_LAYOUT = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}


class Grammar:
    """Makes the matchers of answers to questions about so many rules."""

    def __init__(self, tokenizer: Any, vocabulary: int, *, rationale: bool, threads: int) -> None:
        """`vocabulary` is the number of logits; `rationale` whether findings have one.

        Raises `ConfigurationError` for a tokenizer that cannot be constrained.
        """
        try:
            self._tokenizer = from_tokenizer(tokenizer, n_vocab=vocabulary)
        except ValueError as error:
            raise ConfigurationError(
                f"The tokenizer of the judge's model cannot be constrained to JSON: {error}."
            ) from None
        self._vocabulary = vocabulary
        self._rationale = rationale
        self._executor = LLExecutor(threads)
        self._template = lru_cache(maxsize=64)(self._make)

    def matcher(self, rules: int) -> LLMatcher:
        """Return a matcher of one answer about `rules` rules, at its beginning."""
        return self._template(rules).deep_copy()

    def allowed(self, matchers: Sequence[LLMatcher]) -> Tensor:
        """Return which tokens may come next in each answer, `[answers, vocabulary]` bool."""
        bits = allocate_token_bitmask(len(matchers), self._vocabulary)
        fill_next_token_bitmask_par(
            self._executor, [(matcher, row) for row, matcher in enumerate(matchers)], bits
        )
        each = np.unpackbits(bits.view(np.uint8), axis=1, bitorder="little")
        return torch.from_numpy(each[:, : self._vocabulary].view(np.bool_))

    def _make(self, rules: int) -> LLMatcher:
        schema = json.dumps(json_schema(rules, rationale=self._rationale))
        grammar = LLMatcher.grammar_from_json_schema(schema, overrides=_LAYOUT)
        matcher = LLMatcher(self._tokenizer, grammar)
        if matcher.is_error():
            raise RuntimeError(f"the answer's grammar cannot be used: {matcher.get_error()}")
        return matcher
