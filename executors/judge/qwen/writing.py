"""Answers of the rows that need one: greedy, within the grammar, going on from the batch's keys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from llguidance import LLMatcher
from torch import Tensor

from executors.judge.qwen.attention import Part, attend
from executors.judge.qwen.forward import run
from executors.judge.qwen.grammar import Grammar
from executors.judge.qwen.inputs import Prepared
from executors.judge.qwen.loading import Loaded
from executors.judge.qwen.packing import groups_of, with_prefixes
from executors.judge.qwen.passes import Judged
from executors.judge.qwen.prefix import Prefix


@dataclass
class _Answer:
    """One answer while it is written."""

    place: int
    """Which of the answers that were asked for."""
    matcher: LLMatcher
    most: int
    position: int
    """Of its next token."""
    kept: int
    """Tokens of its own that stand in the buffers."""
    prefix: Prefix | None
    deadline: float | None
    written: list[int] = field(default_factory=list)
    fresh: list[int] = field(default_factory=list)
    """Chosen, and not yet through the model."""

    def take(self, token: int) -> None:
        """Go on with a token, and with those that the grammar leaves no choice about."""
        self.fresh = [token] if self.matcher.consume_token(token) else []
        forced = self.matcher.compute_ff_tokens()
        if forced and self.matcher.consume_tokens(forced):
            self.fresh += forced
        self.written = (self.written + self.fresh)[: self.most]

    @property
    def finished(self) -> bool:
        late = self.deadline is not None and time.time() >= self.deadline
        return late or self.matcher.is_stopped() or len(self.written) >= self.most


class Writer:
    """Writes answers. One caller at a time."""

    def __init__(self, loaded: Loaded, grammar: Grammar, most: int, *, eager: bool) -> None:
        """`most` is the number of tokens after which an answer is cut off."""
        self._loaded = loaded
        self._grammar = grammar
        self._most = most
        self._eager = eager
        self._lm = loaded.model.model.language_model

    def write(
        self, rows: Sequence[Prepared], judged: Judged, chosen: Sequence[int]
    ) -> list[list[int]]:
        """Return the tokens of the answers of the `chosen` rows, without the end.

        An answer past its row's deadline is left where it stands.
        """
        answers = [
            _Answer(
                place,
                self._grammar.matcher(len(rows[row].question.rules)),
                self._most,
                rows[row].behind,
                len(rows[row].tokens),
                judged.prefixes[row],
                rows[row].deadline,
            )
            for place, row in enumerate(chosen)
        ]
        done: list[list[int]] = [[] for _ in answers]
        keys = _Keys(judged, chosen, self._most, eager=self._eager)
        logits = judged.first[list(chosen)]
        alive = answers
        while True:
            self._choose(alive, logits)
            going = [place for place, answer in enumerate(alive) if not answer.finished]
            for answer in alive:
                done[answer.place] = answer.written
            if not going:
                return done
            if len(going) < len(alive):
                alive = [alive[place] for place in going]
                keys.keep(going)
            logits = self._step(alive, keys)

    def _choose(self, alive: Sequence[_Answer], logits: Tensor) -> None:
        allowed = self._grammar.allowed([answer.matcher for answer in alive])
        scores = logits.masked_fill(~allowed.to(logits.device), -torch.inf)
        for answer, token in zip(alive, scores.argmax(-1).tolist(), strict=True):
            answer.take(token)

    def _step(self, alive: Sequence[_Answer], keys: _Keys) -> Tensor:
        """Take the fresh tokens through the model. Returns the logits behind them."""
        device = self._loaded.device
        counts = [len(answer.fresh) for answer in alive]
        tokens = torch.tensor([token for answer in alive for token in answer.fresh], device=device)
        places = torch.tensor(
            [answer.position + step for answer in alive for step in range(len(answer.fresh))],
            device=device,
        )
        keys.expect(counts, [answer.kept for answer in alive], [a.prefix for a in alive])
        hidden = run(self._lm, self._lm.embed_tokens(tokens), places.expand(3, -1), keys)
        for answer in alive:
            answer.position += len(answer.fresh)
            answer.kept += len(answer.fresh)
            answer.fresh = []
        last = torch.tensor(counts, device=device).cumsum(0) - 1
        return self._loaded.model.lm_head(hidden[last]).float()


class _Keys:
    """Keys and values of the answers' own tokens, with room for what is written.

    `[answers, KV heads, longest + room, head]` per layer. See `attention.Packing`.
    """

    def __init__(self, judged: Judged, chosen: Sequence[int], room: int, *, eager: bool) -> None:
        self._eager = eager
        rows = [judged.packing.rows[place] for place in chosen]
        longest = max(row.branches - row.start for row in rows)
        self._layers = []
        for key, value in judged.packing.layers:
            both = []
            for packed in (key, value):
                _, heads, _, head = packed.shape
                buffer = packed.new_zeros(len(rows), heads, longest + room, head)
                for place, row in enumerate(rows):
                    own = packed[0, :, row.start : row.branches]
                    buffer[place, :, : row.branches - row.start] = own
                both.append(buffer)
            self._layers.append((both[0], both[1]))

    def keep(self, places: Sequence[int]) -> None:
        """Go on with these answers alone."""
        chosen = torch.tensor(places, device=self._layers[0][0].device)
        for layer, (key, value) in enumerate(self._layers):
            self._layers[layer] = (key[chosen], value[chosen])

    def expect(
        self, counts: Sequence[int], kept: Sequence[int], prefixes: Sequence[Prefix | None]
    ) -> None:
        """Prepare for a pass of `counts` new tokens per answer, behind `kept` of its own."""
        key = self._layers[0][0]
        device, widest = key.device, max(counts)
        self._single = widest == 1
        self._widest = widest
        steps = [range(count) for count in counts]
        self._row = torch.tensor(
            [row for row, count in enumerate(counts) for _ in range(count)], device=device
        )
        self._slot = torch.tensor([step for each in steps for step in each], device=device)
        starts = torch.tensor(kept, device=device)
        self._at = starts[self._row] + self._slot
        self._length = max(k + c for k, c in zip(kept, counts, strict=True))
        seen = starts[:, None] + torch.arange(widest, device=device)
        later = torch.arange(self._length, device=device) > seen[:, :, None]
        self._mask = torch.zeros(later.shape, dtype=key.dtype, device=device).masked_fill_(
            later, -torch.inf
        )[:, None]
        self._groups = groups_of(counts, prefixes)

    def update(self, key: Tensor, value: Tensor, layer: int, *_: Any) -> tuple[Tensor, Tensor]:
        """Put the new tokens' keys and values behind those of their answers."""
        keys, values = self._layers[layer]
        keys[self._row, :, self._at] = key[0].transpose(0, 1)
        values[self._row, :, self._at] = value[0].transpose(0, 1)
        return keys, values

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
        """See `attention.Packing`."""
        _, heads, _, head = query.shape
        if self._single:
            padded = query.transpose(0, 2)
        else:
            padded = query.new_zeros(len(key), self._widest, heads, head)
            padded[self._row, self._slot] = query[0].transpose(0, 1)
            padded = padded.transpose(1, 2)
        seen = slice(0, self._length)
        found = attend(
            padded, key[:, :, seen], value[:, :, seen], scale, mask=self._mask, eager=self._eager
        )
        values = found.values.transpose(1, 2)[self._row, self._slot]
        normaliser = found.normaliser.transpose(1, 2)[self._row, self._slot]
        own = Part(values.transpose(0, 1)[None], normaliser.transpose(0, 1)[None])
        return with_prefixes(self._groups, layer, query, own, scale, eager=self._eager)
