"""The signals that need no model: what terms and picture hashes cost, and what they tell apart."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import Path

from PIL import Image

from benchmarks.rows import Row, row
from executors.library.terms import Terms
from executors.shared.perceptual_hash import hash_distance, perceptual_hash
from executors.shared.policy import load_policy
from executors.shared.settings import ROOT, load_settings
from models.render import COMPLIANT, VIOLATING, Claim

ENGLISH = (
    "Our new calcium tablets support joint comfort. Ask your pharmacist; store below 25 degrees! "
)
CHINESE = "本品不能代替药物，请按说明书使用。均衡饮食多运动，避光阴凉处保存。"
DIGITS = "Vitamin B12 with 500mg magnesium and 4x the zinc, from £9 at your pharmacy. "
CHARACTERS = 1_000
ROUNDS, CALLS = 5, 200
"""The best of the rounds is taken: others use the machine too."""


def run() -> list[Row]:
    """CPU time, and shares over the claims and pictures of the samples."""
    settings = load_settings()
    return [*terms_rows(Terms(load_policy(settings.policies))), *hash_rows(ROOT / "samples")]


def terms_rows(terms: Terms) -> list[Row]:
    """Of the policy's terms. The claims are the project's own: not a measure of the world's ads."""
    rows = []
    for name, text in (("English", ENGLISH), ("Chinese", CHINESE), ("letters and digits", DIGITS)):
        copy = (text * CHARACTERS)[:CHARACTERS]
        seconds = cpu_seconds(lambda copy=copy: terms.find(copy, "US", "food"))
        rows.append(row(f"terms, 1,000 characters, {name}", seconds * 1e6, "CPU µs"))
    hits = [share(terms, claims) for claims in (COMPLIANT, VIOLATING)]
    rows.append(row("terms, compliant claims with one", hits[0]))
    rows.append(row("terms, violating claims with one of their own rule", hits[1]))
    return rows


def share(terms: Terms, claims: Iterable[Claim]) -> float:
    """Of the claims, those that have a term: of their own rule, if they break one."""
    claims = list(claims)
    held = 0
    for claim in claims:
        rules = {found.rule.code for found in terms.find(claim.text, claim.market, claim.product)}
        held += claim.rule in rules if claim.violating else bool(rules)
    return held / len(claims)


def hash_rows(samples: Path) -> list[Row]:
    """Of the exemplars' pictures and their copies."""
    paths = sorted((samples / "exemplars").glob("*.jpg"))
    pictures = [Image.open(path).convert("RGB") for path in paths]
    hashes = [perceptual_hash(picture) for picture in pictures]
    large = pictures[0].resize((1_024, 1_024))
    apart = min(hash_distance(a, b) for a, b in combinations(hashes, 2))
    rows = [
        row(
            "hash, 256 x 256 pixels",
            cpu_seconds(lambda: perceptual_hash(pictures[0])) * 1e3,
            "CPU ms",
        ),
        row(
            "hash, 1,024 x 1,024 pixels",
            cpu_seconds(lambda: perceptual_hash(large)) * 1e3,
            "CPU ms",
        ),
        row("hash, pictures without one", hashes.count("") / len(hashes)),
        row("hash, the two nearest of different pictures", apart, "bits"),
    ]
    for name, change in CHANGES.items():
        moved = [
            hash_distance(known, perceptual_hash(change(picture)))
            for known, picture in zip(hashes, pictures, strict=True)
        ]
        found = sum(bits <= load_settings().library.hash_distance for bits in moved)
        rows.append(row(f"hash, {name}: found", found / len(moved)))
        rows.append(row(f"hash, {name}: furthest", max(moved), "bits"))
    return rows


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def cropped(picture: Image.Image, share: float) -> Image.Image:
    """Without this share of the side at each edge."""
    edge = round(picture.width * share)
    return picture.crop((edge, edge, picture.width - edge, picture.height - edge))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "resized to 150": lambda picture: picture.resize((150, 150)),
    "resized to 700": lambda picture: picture.resize((700, 700)),
    "JPEG 40": lambda picture: jpeg(picture, 40),
    "cropped by 1 %": lambda picture: cropped(picture, 0.01),
    "cropped by 2 %": lambda picture: cropped(picture, 0.02),
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


def cpu_seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    work()
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(CALLS):
            work()
        best = min(best, (time.process_time() - started) / CALLS)
    return best
