"""The vision tower as it is trained: one batch of equal pictures, and what it must read in them.

`features` computes what `Qwen2VLForConditionalGeneration.model.visual` does with the same weights.
Two things differ for speed on a CPU: all pictures have one size, so the batch is not split; and the
two equal frames of a still picture are summed in the weight, which turns the 3-D convolution into a
matrix product. Attention is written out, since sdpa's backward pass in bfloat16 is slow there.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Qwen2VLForConditionalGeneration
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from models.judge_training.network import GRID, HEADS, IMAGE_TOKENS, PATCH, WIDTH


def merge_order(grid: Tensor) -> Tensor:
    """Reorder `[B, GRID, GRID, ...]` cells as the processor does: 2×2 blocks, row by row."""
    batch, rest = grid.shape[0], grid.shape[3:]
    blocks = grid.reshape(batch, GRID // 2, 2, GRID // 2, 2, *rest)
    return blocks.transpose(2, 3).reshape(batch, GRID * GRID, *rest)


def patches(images: Tensor) -> Tensor:
    """Turn `[B, 3, SIDE, SIDE]` in 0..1 into normalised patches `[B, GRID², 3·PATCH²]`."""
    mean = torch.tensor(OPENAI_CLIP_MEAN).view(1, 3, 1, 1)
    std = torch.tensor(OPENAI_CLIP_STD).view(1, 3, 1, 1)
    images = (images - mean) / std
    cells = images.reshape(len(images), 3, GRID, PATCH, GRID, PATCH)
    return merge_order(cells.permute(0, 2, 4, 1, 3, 5).flatten(3))


class Tower:
    """Runs a model's vision tower on batches of patches."""

    def __init__(self, model: Qwen2VLForConditionalGeneration) -> None:
        self.visual = model.model.visual
        rows = torch.arange(GRID).view(1, GRID, 1).expand(1, GRID, GRID)
        places = torch.stack([merge_order(rows)[0], merge_order(rows.transpose(1, 2))[0]], 1)
        cos, sin = self.visual.rotary_pos_emb(torch.zeros(1), places)
        self._cos, self._sin = cos.view(1, 1, GRID * GRID, -1), sin.view(1, 1, GRID * GRID, -1)

    def features(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Return per-patch features `[B, GRID², WIDTH]` and image tokens `[B, GRID²/4, WIDTH]`."""
        weight = self.visual.patch_embed.proj.weight.sum(2).flatten(1)
        hidden = F.linear(cells, weight)
        for block in self.visual.blocks:
            hidden = hidden + self._attend(block.attn, block.norm1(hidden))
            hidden = hidden + block.mlp(block.norm2(hidden))
        merged = self.visual.merger(hidden).view(len(cells), IMAGE_TOKENS, -1)
        return hidden, merged

    def _attend(self, attention: Any, hidden: Tensor) -> Tensor:
        batch, length, width = hidden.shape
        qkv = attention.qkv(hidden).view(batch, length, 3, HEADS, width // HEADS)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        query, key = self._rotate(query), self._rotate(key)
        if torch.is_grad_enabled():
            scores = (query * attention.scaling) @ key.transpose(2, 3)
            mixed = scores.softmax(-1, dtype=query.dtype) @ value
        else:
            mixed = F.scaled_dot_product_attention(query, key, value)
        return attention.proj(mixed.transpose(1, 2).reshape(batch, length, width))

    def _rotate(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, -1)
        turned = torch.cat([-second, first], -1)
        return torch.addcmul(x * self._cos.to(x.dtype), turned, self._sin.to(x.dtype))


@dataclass(frozen=True)
class Reading:
    """What stands where, `[B, GRID²]` in merge order, 0: nothing; `claim` `[B]`, -1: unknown."""

    chars: Tensor
    words: Tensor
    claim: Tensor


class ReadingHeads(nn.Module):
    """Dense targets, thrown away after training: they make the tower read, not tell apart."""

    def __init__(self, chars: int, words: int, claims: int) -> None:
        super().__init__()
        self.char = nn.Linear(WIDTH, chars)
        self.word = nn.Linear(WIDTH, words)
        self.present = nn.Linear(WIDTH, words)
        self.norm = nn.LayerNorm(WIDTH)
        self.merged_norm = nn.LayerNorm(WIDTH)
        self.claim = nn.Linear(WIDTH, claims)
        self.words = words
        nn.init.constant_(self.present.bias, -4.0)

    def forward(
        self, cells: Tensor, merged: Tensor, target: Reading, whole: float = 1.0
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss, and the shares of characters, words and claims that were read right.

        `whole` weighs words and claims against characters: while no character is read yet, they
        would only drown what can be learned.
        """
        cells, merged = self.norm(cells), self.merged_norm(merged)
        char_logits, word_logits = self.char(cells), self.word(cells)
        chars, words = _dense(char_logits, target.chars), _dense(word_logits, target.words)
        blocks = target.words.view(len(cells), IMAGE_TOKENS, 4)
        present = torch.zeros(*blocks.shape[:2], self.words).scatter_(2, blocks, 1.0)
        present[..., 0] = 0.0
        seen = F.binary_cross_entropy_with_logits(
            self.present(merged).float(), present, reduction="none"
        )
        logits = self.claim(merged.mean(1)).float()
        each = F.cross_entropy(
            logits, target.claim, ignore_index=-1, label_smoothing=0.02, reduction="none"
        )
        claim = each.sum() / len(each)
        known = target.claim >= 0
        right = {
            "char": _share(char_logits, target.chars, target.chars > 0),
            "word": _share(word_logits, target.words, target.words > 0),
            "claim": _share(logits, target.claim, known),
        }
        return chars + whole * (words + seen.sum(-1).mean() + claim), right


def _share(logits: Tensor, target: Tensor, counted: Tensor) -> float:
    return (logits.argmax(-1) == target)[counted].float().mean().item()


def _dense(logits: Tensor, target: Tensor, empty: float = 0.2) -> Tensor:
    """Cross-entropy over cells; cells with nothing to read weigh `empty`."""
    weight = torch.ones(logits.shape[-1])
    weight[0] = empty
    return F.cross_entropy(logits.flatten(0, 1).float(), target.flatten(), weight)
