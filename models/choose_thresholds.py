"""Choose the screen's thresholds per category, on renders of a seen style and of other seeds.

Usage: python -m models.choose_thresholds --model models/clip --exemplars samples/exemplars
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from benchmarks.screen_quality import Encoder, Vectors
from models.clip_training import texts
from models.render import Claim, load_claims, render

FALSE_POSITIVES = 0.06
SIZE = 256
IMAGES_PER_CLAIM, COPIES_PER_CLAIM = 6, 12
SEED = 50_001


@dataclass(frozen=True)
class Library:
    """Exemplars of one signal: vectors [M, D] and each one's category."""

    vectors: Vectors
    categories: tuple[str, ...]

    def scores(self, queries: Vectors) -> dict[str, np.ndarray]:
        """For each category the highest cosine of each query [N]."""
        cosine = queries @ self.vectors.T
        known = np.array(self.categories)
        names = dict.fromkeys(self.categories)
        return {name: cosine[:, known == name].max(1) for name in names}


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


def validation(encoder: Encoder, claims: Sequence[Claim]) -> dict[str, Vectors]:
    """Pictures and copies of the claims, seen style, seeds of their own."""
    rng = np.random.default_rng(SEED)
    pictures = [
        np.asarray(render(c, rng, SIZE).image) for c in claims for _ in range(IMAGES_PER_CLAIM)
    ]
    copies = [texts.wrapped(c, rng) for c in claims for _ in range(COPIES_PER_CLAIM)]
    return {"image": encoder.images(np.stack(pictures)), "text": encoder.texts(copies)}


def flagged(scores: dict[str, np.ndarray], thresholds: dict[str, float]) -> np.ndarray:
    """Whether each ad [N] is at or above the threshold of any category."""
    return np.any([scores[name] >= thresholds[name] for name in scores], axis=0)


def choose(scores: dict[str, np.ndarray], share: float) -> dict[str, float]:
    """Thresholds that together flag at most `share` of the compliant ads whose `scores` these are.

    Each is as many standard deviations above its category's mean: quantiles of a few hundred ads
    would move all categories at once by whole ads.
    """
    low, high = -1.0, 8.0
    for _ in range(40):
        deviations = (low + high) / 2
        if flagged(scores, thresholds_at(scores, deviations)).mean() > share:
            low = deviations
        else:
            high = deviations
    return {name: round(value, 4) for name, value in thresholds_at(scores, high).items()}


def thresholds_at(scores: dict[str, np.ndarray], deviations: float) -> dict[str, float]:
    return {name: float(v.mean() + deviations * v.std()) for name, v in scores.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/clip"))
    parser.add_argument("--exemplars", type=Path, default=Path("samples/exemplars"))
    options = parser.parse_args()
    encoder = Encoder(options.model)
    library = load_library(encoder, options.exemplars)
    claims = load_claims()
    compliant = validation(encoder, [claim for claim in claims if not claim.violating])
    violating = validation(encoder, [claim for claim in claims if claim.violating])
    chosen = {}
    for signal, exemplars in library.items():
        scores = exemplars.scores(compliant[signal])
        chosen[signal] = choose(scores, FALSE_POSITIVES)
        wrong = flagged(scores, chosen[signal]).mean()
        found = flagged(exemplars.scores(violating[signal]), chosen[signal]).mean()
        print(f"{signal}: false positives {wrong:.3f}, recall {found:.3f}")
    text = "# Cosine from which an ad is flagged, by category; see CARD.md.\n"
    target = options.model / "thresholds.yaml"
    target.write_text(text + yaml.safe_dump(chosen, sort_keys=False))


if __name__ == "__main__":
    main()
