"""The losses, all on from the first step."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.clip_training.views import OTHER


def image_to_text(images: Tensor, claims: Tensor, labels: Tensor, scale: Tensor) -> Tensor:
    """Each picture against every claim's text; labels -1 are left out."""
    return F.cross_entropy(scale * images @ claims.T, labels, label_smoothing=0.02)


def text_to_image(images: Tensor, claims: Tensor, labels: Tensor, scale: Tensor) -> Tensor:
    """Each claim's text against the batch's pictures, several of which are right."""
    logits = scale * claims @ images.T
    right = (torch.arange(len(claims))[:, None] == labels).float()
    present = right.sum(1) > 0
    log_p = logits.log_softmax(1)[present]
    right = right[present]
    return -((log_p * right).sum(1) / right.sum(1)).mean()


def supervised_contrastive(features: Tensor, labels: Tensor, scale: Tensor) -> Tensor:
    """Features [B, D] of the same claim together, the rest apart; other headlines only repel."""
    itself = torch.eye(len(features), dtype=torch.bool)
    logits = (scale * features @ features.T).masked_fill(itself, -1e4)
    right = ((labels[:, None] == labels) & ~itself & (labels != OTHER)).float()
    anchors = right.sum(1) > 0
    log_p = logits.log_softmax(1)[anchors]
    right = right[anchors]
    return -((log_p * right).sum(1) / right.sum(1)).mean()


def above_and_below(
    cosines: Tensor, same: Tensor, different: Tensor, at: float = 0.6, slope: float = 16.0
) -> Tensor:
    """Cosines [B, M] of the `same` claim above `at`, those of `different` claims below it.

    A contrastive loss only ranks; one threshold for all claims needs cosines that mean the same
    everywhere. It is SigLIP's sigmoid loss (arXiv 2303.15343), its negatives the hardest twentieth.
    """
    margins = slope * (cosines - at)
    positive = F.softplus(-margins[same])
    negative = F.softplus(margins[different])
    negative = negative.topk(max(1, len(negative) // 20)).values
    return positive.mean() + negative.mean()


def apart(features: Tensor, violating: Tensor, margin: float = 0.3) -> Tensor:
    """Features [B, D] that are no violation stay below `margin` of every violating text [V, D]."""
    return (features @ violating.T - margin).clamp(min=0).square().sum(1).mean()


def under_cells(head: nn.Linear, maps: Tensor, values: Tensor) -> Tensor:
    """What lies under each cell of maps [B, C, H, W]: `values` [B, H, W], 0 for nothing.

    Every cell with a glyph counts, and as many of the empty ones as a tenth of all.
    """
    chosen = (values > 0) | (torch.rand(values.shape) < 0.1)
    logits = head(maps.permute(0, 2, 3, 1)[chosen])
    weight = torch.ones(logits.shape[1])
    weight[0] = 0.5
    return F.cross_entropy(logits, values[chosen], weight=weight)


def words_present(logits: Tensor, words: Tensor) -> Tensor:
    """Which words the picture has: logits [B, W] against the words under its cells [B, H, W]."""
    seen = torch.zeros(len(words), logits.shape[1] + 1).scatter_(1, words.flatten(1), 1.0)
    return 10 * F.binary_cross_entropy_with_logits(logits, seen[:, 1:])
