"""The vision tower over the pictures of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.vision_utils import get_vision_position_ids

Grid = tuple[int, int]
"""Patches of a picture: rows and columns."""

AT_ONCE = {"cpu": 1_152}
"""Patches in one pass, as far as one picture allows: what a CPU's cache holds of a layer."""


class FoldedPatchEmbed(nn.Module):
    """The tower's patch embedding for pictures, whose two frames are the same picture twice.

    A Conv3d whose kernel is its stride is a linear map, and over equal frames that of the summed
    weights: half the pixels, half the work, and in bfloat16 on a CPU a fast kernel.
    """

    def __init__(self, weight: Tensor) -> None:
        """`weight` is the Conv3d's, `[width, channels, frames, patch, patch]`."""
        super().__init__()
        folded = weight.detach().float().sum(2).flatten(1).to(weight.dtype)
        self.weight = nn.Parameter(folded, requires_grad=False)

    def forward(self, patches: Tensor) -> Tensor:
        """`[N, channels · patch · patch]` to `[N, width]`."""
        return functional.linear(patches.to(self.weight.dtype), self.weight)


class BatchedAttention(nn.Module):
    """The tower's attention, pictures of the same size side by side rather than one by one.

    What `VisionAttention` computes with sdpa, in fewer and larger steps.
    """

    def __init__(self, attention: Any) -> None:
        super().__init__()
        self.qkv, self.proj = attention.qkv, attention.proj
        self._heads, self._scale = attention.num_heads, attention.scaling

    def forward(
        self,
        hidden_states: Tensor,
        cu_seqlens: Tensor,
        position_embeddings: tuple[Tensor, Tensor],
        runs: Sequence[tuple[int, int]],
        **_: Any,
    ) -> Tensor:
        """`[N, width]` to the same. `runs` are numbers of neighbouring pictures and their size."""
        packed = self.qkv(hidden_states).view(len(hidden_states), 3, self._heads, -1)
        turned = _rotated(packed[:, :2], *position_embeddings).to(packed.dtype)
        query, key = turned.unbind(1)
        value = packed[:, 2]
        seen, start = [], 0
        for pictures, patches in runs:
            part = slice(start, start + pictures * patches)
            start = part.stop
            q, k, v = (
                each[part].view(pictures, patches, self._heads, -1).transpose(1, 2)
                for each in (query, key, value)
            )
            found = functional.scaled_dot_product_attention(q, k, v, scale=self._scale)
            seen.append(found.transpose(1, 2).reshape(pictures * patches, -1))
        return self.proj(seen[0] if len(seen) == 1 else torch.cat(seen))


def adapt(visual: Any, *, eager: bool) -> None:
    """Let the tower take one frame per picture, `[N, channels · patch · patch]`, and many at once.

    `eager` leaves its attention as it is.
    """
    visual.patch_embed = FoldedPatchEmbed(visual.patch_embed.proj.weight)
    for block in () if eager else visual.blocks:
        block.attn = BatchedAttention(block.attn)


def see(visual: Any, patches: Tensor, grids: Sequence[Grid]) -> Tensor:
    """Return what the language model is shown of all pictures, `[N / merged, width]`.

    `patches` are those of all pictures one after the other, normalised.
    """
    seen, start = [], 0
    for part in _parts(grids, AT_ONCE.get(patches.device.type)):
        end = start + sum(rows * columns for rows, columns in part)
        seen.append(_see_at_once(visual, patches[start:end], part))
        start = end
    return torch.cat(seen)


def _see_at_once(visual: Any, patches: Tensor, grids: Sequence[Grid]) -> Tensor:
    device = patches.device
    sizes = [rows * columns for rows, columns in grids]
    places = torch.cat([_places(grid, visual.spatial_merge_size) for grid in grids]).to(device)
    ends = torch.tensor([0, *sizes], dtype=torch.int32).cumsum(0, dtype=torch.int32)
    found = visual(
        patches,
        grid_thw=torch.tensor([(1, *grid) for grid in grids], device=device),
        position_ids=places,
        cu_seqlens=ends.to(device),
        runs=[(len(list(same)), size) for size, same in groupby(sizes)],
    )
    return found.pooler_output


def _parts(grids: Sequence[Grid], most: int | None) -> Iterator[Sequence[Grid]]:
    """Pictures in order, as many at a time as have `most` patches together, at least one."""
    start = patches = 0
    for place, (rows, columns) in enumerate(grids):
        patches += rows * columns
        if most is not None and patches > most and place > start:
            yield grids[start:place]
            start, patches = place, rows * columns
    yield grids[start:]


def _rotated(heads: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Return queries and keys `[N, 2, H, head]` turned by their places, in float32.

    `apply_rotary_pos_emb_vision` without its copies: both halves of a head turn alike.
    """
    half = heads.shape[-1] // 2
    wide = heads.float()
    first, second = wide[..., :half], wide[..., half:]
    cosine, sine = (each[:, None, None, :half].float() for each in (cosine, sine))
    turned = torch.empty(heads.shape, device=heads.device)
    torch.mul(first, cosine, out=turned[..., :half]).addcmul_(second, sine, value=-1)
    torch.mul(second, cosine, out=turned[..., half:]).addcmul_(first, sine)
    return turned


@lru_cache(maxsize=256)
def _places(grid: Grid, merge: int) -> Tensor:
    return get_vision_position_ids(torch.tensor([(1, *grid)]), merge)
