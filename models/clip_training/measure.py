"""How well a library of known violations screens new ads."""

from dataclasses import dataclass

import numpy as np

from models.clip_training.wrappers import wrappers
from models.render import (
    HELD_OUT_FONTS,
    HELD_OUT_LAYOUTS,
    SEEN_FONTS,
    SEEN_LAYOUTS,
    VIOLATING,
    Claim,
    load_claims,
    render,
)

SUBSETS = {
    "new seeds": (SEEN_FONTS, SEEN_LAYOUTS),
    "unseen font": (HELD_OUT_FONTS, SEEN_LAYOUTS),
    "unseen layout": (SEEN_FONTS, HELD_OUT_LAYOUTS),
    "unseen font and layout": (HELD_OUT_FONTS, HELD_OUT_LAYOUTS),
}


@dataclass(frozen=True)
class Screen:
    """ROC-AUC, recall at 5 % false positives, share whose nearest exemplar has the same claim."""

    auc: float
    recall: float
    right: float


def roc_auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a positive scores above a negative, ties half."""
    above = (positive[:, None] > negative).mean()
    return float(above + 0.5 * (positive[:, None] == negative).mean())


def recall_at(positive: np.ndarray, negative: np.ndarray, false_positives: float) -> float:
    """Share of positives above the threshold that lets that share of the negatives through."""
    return float((positive > np.quantile(negative, 1 - false_positives)).mean())


def screen(
    queries: np.ndarray, claims: list[Claim], library: np.ndarray, known: list[Claim]
) -> Screen:
    """Queries [N, D] against exemplars [M, D], unit norm: an ad scores its highest cosine."""
    cosine = queries @ library.T
    return figures(cosine.max(1), claims, [known[i] for i in cosine.argmax(1)])


def figures(scores: np.ndarray, claims: list[Claim], nearest: list[Claim]) -> Screen:
    """The figures of ads by their score [N], their claims, and the nearest exemplars' claims."""
    violating = np.array([claim.violating for claim in claims])
    right = [
        near.id == claim.id for near, claim in zip(nearest, claims, strict=True) if claim.violating
    ]
    positive, negative = scores[violating], scores[~violating]
    return Screen(
        roc_auc(positive, negative), recall_at(positive, negative, 0.05), float(np.mean(right))
    )


def exemplar_views(size: int, seed: int = 70_001, each: int = 3) -> tuple[np.ndarray, list[Claim]]:
    """`each` renders of every violating claim in a seen style: pictures [M, S, S, 3] and claims."""
    rng = np.random.default_rng(seed)
    claims = [claim for claim in VIOLATING for _ in range(each)]
    return np.stack([np.asarray(render(claim, rng, size).image) for claim in claims]), claims


def held_out_views(
    size: int, each: int = 4, seed: int = 80_001
) -> dict[str, tuple[np.ndarray, list[Claim]]]:
    """For each subset `each` renders of every claim: pictures [N, S, S, 3] and claims."""
    views = {}
    for offset, (name, (fonts, layouts)) in enumerate(SUBSETS.items()):
        rng = np.random.default_rng(seed + offset)
        claims = [claim for claim in load_claims() for _ in range(each)]
        pictures = [
            np.asarray(render(c, rng, size, fonts=fonts, layouts=layouts).image) for c in claims
        ]
        views[name] = (np.stack(pictures), claims)
    return views


def held_out_copies() -> tuple[list[str], list[Claim]]:
    """Each claim in the wrappers that training never sees: texts and their claims."""
    texts, claims, phrases = [], [], wrappers("held_out")
    for claim in load_claims():
        before, after = phrases[claim.language]
        gap, stop = (" ", ". ") if claim.language == "en" else ("", "")
        for first, last in zip(before, after, strict=True):
            texts.append(first + gap + claim.text + stop + last)
            claims.append(claim)
    return texts, claims
