"""Render labelled ads to calibrate the shipped models on: other pictures than samples and training.

Usage: python -m samples.make_labelled out/labelled
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from models.clip_training.texts import wrapped
from models.render import Claim, load_claims, render

SEED = 80_001
SIZE = 256
PER_CLAIM = 25
"""With five claims a category: as many violations as bound a recall of 0.97 (122 of each)."""
COLUMNS = ("file", "text", "label", "group", "market", "product")


def rows_of(claim: Claim, count: int, folder: Path, rng: np.random.Generator) -> list[list[str]]:
    """Three of five ads of a claim have a picture, one has copy too, one has copy alone."""
    rows = []
    for number in range(count):
        file = text = ""
        if number % 5 < 4:
            file = f"{claim.id}-{number}.jpg"
            render(claim, rng, SIZE).image.save(folder / file, quality=85)
        if number % 5 > 2:
            text = wrapped(claim, rng)
        label = claim.category or "compliant"
        rows.append([file, text, label, claim.id, claim.market, claim.product])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-claim", type=int, default=PER_CLAIM)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)
    path = options.folder / "labelled.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for claim in load_claims():
            writer.writerows(rows_of(claim, options.per_claim, options.folder, rng))
    print(path)


if __name__ == "__main__":
    main()
