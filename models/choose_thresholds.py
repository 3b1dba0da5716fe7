"""Choose the screen's thresholds per signal and category, on renders of a seen style, other seeds.

Usage: python -m models.choose_thresholds --model models/clip --exemplars samples/exemplars
"""

import argparse
import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from adjudicate.calibration.scores import OFF, SIGNALS, Scores, Thresholds, gathered
from benchmarks.screen_quality import Encoder, Vectors
from executors.encoder.checkpoint import find
from models.clip_training import texts
from models.render import Claim, load_claims, render

PICTURES, COPY = 0.05, 0.01
"""Shares of the compliant ads that may be flagged: by their picture, in both of its signals
together, and by their copy."""
SIZE = 256
IMAGES_PER_CLAIM, COPIES_PER_CLAIM = 6, 12
SEED = 50_001
SPLITS = np.linspace(0.0, 1.0, 21)
"""Parts of the pictures' share that the likeness to pictures may spend; words in pictures are
mostly told by the likeness to texts."""
DECIMALS = 4


@dataclass(frozen=True)
class Library:
    """Exemplars of one modality: vectors [M, D] and each one's category."""

    vectors: Vectors
    categories: tuple[str, ...]

    def best(self, queries: Vectors) -> dict[str, np.ndarray]:
        """For each category the highest cosine of each query [N]."""
        cosine = queries @ self.vectors.T
        known = np.array(self.categories)
        return {name: cosine[:, known == name].max(1) for name in dict.fromkeys(self.categories)}


def load_library(encoder: Encoder, folder: Path) -> dict[str, Library]:
    """The image and the text exemplars of `exemplars.csv`."""
    with (folder / "exemplars.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    shown = [row for row in rows if row["file"]]
    said = [row for row in rows if row["text"]]
    pictures = [np.asarray(Image.open(folder / row["file"]).convert("RGB")) for row in shown]
    return {
        "image": Library(encoder.images(np.stack(pictures)), tuple(r["category"] for r in shown)),
        "text": Library(
            encoder.texts([r["text"] for r in said]), tuple(r["category"] for r in said)
        ),
    }


def score(
    encoder: Encoder, library: dict[str, Library], claims: Sequence[Claim]
) -> tuple[Scores, Scores]:
    """Pictures, and copies, of the claims in the seen style, with seeds of their own."""
    rng = np.random.default_rng(SEED)
    shown = [claim for claim in claims for _ in range(IMAGES_PER_CLAIM)]
    views = encoder.images(np.stack([np.asarray(render(c, rng, SIZE).image) for c in shown]))
    said = [claim for claim in claims for _ in range(COPIES_PER_CLAIM)]
    copies = encoder.texts([texts.wrapped(claim, rng) for claim in said])
    pictures = {"image": library["image"].best(views), "image-text": library["text"].best(views)}
    return (
        as_scores(pictures, shown),
        as_scores({"text": library["text"].best(copies)}, said),
    )


def as_scores(best: dict[str, dict[str, np.ndarray]], claims: Sequence[Claim]) -> Scores:
    """The best cosines by signal and category as what calibration computes with."""
    categories = sorted({category for by_category in best.values() for category in by_category})
    rows = [
        {
            (category, signal): float(cosines[ad])
            for signal, by_category in best.items()
            for category, cosines in by_category.items()
        }
        for ad in range(len(claims))
    ]
    violating = [claim.violating for claim in claims]
    return gathered(rows, violating, [c.category for c in claims], categories, near_duplicate=2.0)


def shares(scores: Scores, thresholds: Thresholds) -> tuple[float, float]:
    """Of the compliant ads those that are flagged, and of the violations those that are."""
    caught = scores.caught(thresholds)
    return float(caught[scores.compliant].mean()), float(caught[scores.violating].mean())


def at(scores: Scores, deviations: dict[str, float]) -> Thresholds:
    """Each as many standard deviations above the mean of the compliant ads as its signal says:
    quantiles of a few hundred ads would move all categories at once by whole ads."""
    passed = scores.similarity[scores.compliant]
    thresholds = np.full(passed.shape[1:], OFF)
    for signal, above in deviations.items():
        place = SIGNALS.index(signal)
        known = np.where(np.isfinite(passed[:, :, place]), passed[:, :, place], 0.0)
        chosen = known.mean(0) + above * known.std(0)
        thresholds[:, place] = np.ceil(chosen * 10**DECIMALS) / 10**DECIMALS
    return thresholds


def lowest(scores: Scores, signal: str, share: float, given: dict[str, float]) -> dict[str, float]:
    """`given` and the lowest deviations of one more signal that together flag at most `share`."""
    low, high = -1.0, 12.0
    for _ in range(40):
        middle = (low + high) / 2
        wrong, _ = shares(scores, at(scores, {**given, signal: middle}))
        low, high = (middle, high) if wrong > share else (low, middle)
    return {**given, signal: high}


def choose(scores: Scores, first: str, second: str, share: float) -> Thresholds:
    """Thresholds of both signals that together flag at most `share` of the compliant ads, split
    so that they catch the most; of equal splits the one that leaves more to `second`."""
    best: tuple[float, Thresholds] | None = None
    for split in SPLITS:
        spent = lowest(scores, first, share * split, {})
        thresholds = at(scores, lowest(scores, second, share, spent))
        _, found = shares(scores, thresholds)
        if best is None or found > best[0]:
            best = found, thresholds
    assert best is not None
    return best[1]


def report(name: str, scores: Scores, thresholds: Thresholds) -> None:
    wrong, found = shares(scores, thresholds)
    print(f"{name}: false positives {wrong:.3f}, recall {found:.3f}")


def by_category(scores: Scores, thresholds: Thresholds, signals: Iterable[str]) -> dict[str, dict]:
    return {
        signal: {
            name: float(thresholds[place, SIGNALS.index(signal)])
            for place, name in enumerate(scores.categories)
        }
        for signal in signals
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/clip"))
    parser.add_argument("--exemplars", type=Path, default=Path("samples/exemplars"))
    options = parser.parse_args()
    encoder = Encoder(options.model)
    library = load_library(encoder, options.exemplars)
    pictures, copies = score(encoder, library, load_claims())
    seen = choose(pictures, "image", "image-text", PICTURES)
    read = at(copies, lowest(copies, "text", COPY, {}))
    for signal in ("image", "image-text"):
        alone = np.full_like(seen, OFF)
        alone[:, SIGNALS.index(signal)] = seen[:, SIGNALS.index(signal)]
        report(signal, pictures, alone)
    report("picture, both together", pictures, seen)
    report("text", copies, read)
    checkpoint = find(str(options.model), "")
    chosen = {
        "encoder": f"{checkpoint.name}-{checkpoint.fingerprint()}",
        **by_category(pictures, seen, ["image"]),
        **by_category(copies, read, ["text"]),
        **by_category(pictures, seen, ["image-text"]),
    }
    said = "# Cosine from which an ad is flagged, by signal and category; see CARD.md.\n"
    target = options.model / "thresholds.yaml"
    target.write_text(said + yaml.safe_dump(chosen, sort_keys=False))


if __name__ == "__main__":
    main()
