"""The rows of a batch end to end in one sequence, and what each of its tokens sees.

A row is the ad's own tokens, then the branches of the label passes: each branch goes on from the
ad's last token and sees nothing of the other.

    prefix ─ ad's tokens ─┬─ {"violation":
                          ├─ {"instruction":
                          └─ (the answer, later)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor

from executors.judge.qwen.attention import Part, attend, merge
from executors.judge.qwen.inputs import Prepared
from executors.judge.qwen.prefix import Prefix


@dataclass(frozen=True)
class Group:
    """Neighbouring tokens `start` to `end` that share a prefix, or have none."""

    start: int
    end: int
    prefix: Prefix | None


@dataclass(frozen=True)
class Row:
    """Where one ad stands in the sequence: its tokens, then its branches up to `end`."""

    start: int
    branches: int
    end: int


@dataclass(frozen=True)
class _Step:
    """Queries that see the same keys: all of them, those before, or what a mask leaves."""

    queries: slice
    keys: slice
    causal: bool = False
    mask: Tensor | None = None


class PackedRows:
    """Rows in the order of their prefixes; see `attention.Packing` and `forward.Asked`."""

    def __init__(
        self,
        rows: Sequence[Prepared],
        prefixes: Sequence[Prefix | None],
        branches: Sequence[Sequence[int]],
        device: torch.device,
        dtype: torch.dtype,
        *,
        eager: bool,
    ) -> None:
        """`prefixes` are those of the rows; `branches` the tokens of each label pass."""
        self._eager = eager
        self.layers: list[tuple[Tensor, Tensor]] = []
        """Keys and values of every layer, `[1, KV heads, T, head]` each."""
        appended = np.array([token for branch in branches for token in branch], dtype=np.int64)
        ahead = np.concatenate([np.arange(len(branch)) for branch in branches])
        ids, places = [], []
        self.rows: list[Row] = []
        start = 0
        for row in rows:
            ids += [row.tokens, appended]
            places += [row.places, np.broadcast_to(row.behind + ahead, (3, len(ahead)))]
            end = start + len(row.tokens)
            self.rows.append(Row(start, end, end + len(appended)))
            start = self.rows[-1].end
        self.tokens: Tensor = torch.from_numpy(np.concatenate(ids)).to(device)
        """`[T]`"""
        self.places: Tensor = torch.from_numpy(np.concatenate(places, 1)).to(device)
        """`[3, T]`"""
        # Asked about are the ad's last token, behind which its answer begins, and each branch's.
        ends = np.cumsum([0, *map(len, branches)])
        self.asked: Tensor = torch.tensor(
            [row.branches + end - 1 for row in self.rows for end in ends], device=device
        )
        """`[rows · (1 + branches)]`"""
        self._groups = groups_of([row.end - row.start for row in self.rows], prefixes)
        self._asked_groups = groups_of([len(ends)] * len(rows), prefixes)
        masks = {
            length: _mask(length, branches).to(device, dtype)
            for length in {row.branches - row.start for row in self.rows}
        }
        self._steps, self._asked_steps = [], []
        for place, at in enumerate(self.rows):
            ad, behind = slice(at.start, at.branches), slice(at.branches, at.end)
            own, mask = slice(at.start, at.end), masks[at.branches - at.start]
            self._steps.append(_Step(ad, ad, causal=True))
            self._steps.append(_Step(behind, own, mask=mask[:, :, 1:]))
            asked = slice(place * len(ends), (place + 1) * len(ends))
            self._asked_steps.append(_Step(asked, own, mask=mask[:, :, ends]))

    def update(self, key: Tensor, value: Tensor, layer: int, *_: Any) -> tuple[Tensor, Tensor]:
        """Keep the keys and values of a layer."""
        self.layers.append((key, value))
        return key, value

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
        """See `attention.Packing`."""
        own = self._attend_own(self._steps, query, key, value, scale)
        return with_prefixes(self._groups, layer, query, own, scale, eager=self._eager)

    def attend_asked(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float
    ) -> Tensor:
        """See `forward.Asked`."""
        own = self._attend_own(self._asked_steps, query, key, value, scale)
        return with_prefixes(self._asked_groups, layer, query, own, scale, eager=self._eager)

    def _attend_own(
        self, steps: Sequence[_Step], query: Tensor, key: Tensor, value: Tensor, scale: float
    ) -> Part:
        _, heads, length, head = query.shape
        values = query.new_empty(1, length, heads, head).transpose(1, 2)
        normaliser = query.new_empty(1, heads, length, dtype=torch.float32)
        for step in steps:
            values[:, :, step.queries], normaliser[:, :, step.queries] = attend(
                query[:, :, step.queries],
                key[:, :, step.keys],
                value[:, :, step.keys],
                scale,
                causal=step.causal,
                mask=step.mask,
                eager=self._eager,
            )
        return Part(values, normaliser)


def with_prefixes(
    groups: Sequence[Group], layer: int, query: Tensor, own: Part, scale: float, *, eager: bool
) -> Tensor:
    """Return attention over each group's prefix and what `own` covers already, `[1, H, T, D]`."""
    for group in groups:
        if group.prefix is None:
            continue
        part = slice(group.start, group.end)
        key, value = group.prefix.layers[layer]
        shared = attend(query[:, :, part], key, value, scale, eager=eager)
        mine = Part(own.values[:, :, part], own.normaliser[:, :, part])
        own.values[:, :, part] = merge(mine, shared)
    return own.values


def groups_of(counts: Sequence[int], prefixes: Sequence[Prefix | None]) -> list[Group]:
    """Return the groups of rows with so many tokens each, and these prefixes."""
    groups, start = [], 0
    for _, members in groupby(range(len(counts)), key=lambda row: id(prefixes[row])):
        rows = list(members)
        end = start + sum(counts[row] for row in rows)
        groups.append(Group(start, end, prefixes[rows[0]]))
        start = end
    return groups


def _mask(length: int, branches: Sequence[Sequence[int]]) -> Tensor:
    """What scores lose where a token may not see another, `[1, 1, 1 + B, length + B]`.

    The first row is that of the ad's last token, the others those of all branches' tokens: they see
    the ad's `length` tokens, and of the branches the tokens before them in their own.
    """
    owner = np.repeat(np.arange(len(branches)), [len(branch) for branch in branches])
    seen = np.tril(owner[:, None] == owner[None, :])
    seen = np.concatenate([np.zeros((1, len(owner)), dtype=np.bool_), seen])
    own = torch.zeros(seen.shape).masked_fill(torch.from_numpy(~seen), -torch.inf)
    return torch.cat([torch.zeros(len(seen), length), own], 1)[None, None]
