"""Render the sample ads and the exemplars of the demo.

Usage: python -m samples.make_samples
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image

from models.clip_training.wrappers import wrappers
from models.render import COMPLIANT, VIOLATING, Claim, render
from models.render.claims import CATEGORIES
from models.render.wording import BRANDS

HERE = Path(__file__).parent
SEED = 60_001
AD_SIZE, EXEMPLAR_SIZE = 512, 256
EXEMPLAR_BYTES, PNG_BYTES = 12_000, 260_000
EXEMPLARS_PER_CLAIM = 3
SEVERITY = {
    "cure": "high",
    "disease": "high",
    "safety": "high",
    "weight-loss": "high",
    "comparison": "high",
    "endorsement": "medium",
    "pressure": "medium",
    "superlative": "medium",
}


@dataclass(frozen=True)
class Sample:
    """A row of `manifest.csv`. `file` is relative to it and empty for copy alone."""

    id: str
    file: str
    text: str
    advertiser: str
    market: str
    language: str
    product: str
    label: str
    rule: str
    kind: str
    exemplar_note: str


@dataclass(frozen=True)
class ExemplarRow:
    """A row of `exemplars.csv`."""

    file: str
    text: str
    category: str
    rule: str
    severity: str
    polarity: str
    note: str


def encoded(image: Image.Image, suffix: str, quality: int = 85) -> bytes:
    """The picture as JPEG or PNG."""
    buffer = io.BytesIO()
    if suffix == "jpg":
        image.save(buffer, "JPEG", quality=quality)
    else:
        image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def small_jpeg(image: Image.Image, limit: int) -> bytes:
    """A JPEG of at most `limit` bytes."""
    for quality in range(85, 20, -5):
        data = encoded(image, "jpg", quality)
        if len(data) <= limit:
            return data
    raise ValueError(f"the picture takes more than {limit} bytes")


def write(path: str, data: bytes) -> str:
    """Write a file under this folder; its path as the tables name it."""
    target = HERE / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return path


def table(path: str, rows: Iterable[Sample] | Iterable[ExemplarRow]) -> None:
    """Write rows of one kind as CSV with a header."""
    rows = list(rows)
    with (HERE / path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(rows[0])])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def exemplars() -> list[ExemplarRow]:
    """Three renders of each violating claim, and its text."""
    rows = []
    for number, claim in enumerate(VIOLATING):
        rng = np.random.default_rng([SEED, number])
        about = (claim.category, claim.rule or "", SEVERITY[claim.category], "violation")
        for view in range(1, EXEMPLARS_PER_CLAIM + 1):
            name = f"{claim.id.removeprefix('v-')}-{view}.jpg"
            image = render(claim, rng, EXEMPLAR_SIZE).image
            write(f"exemplars/{name}", small_jpeg(image, EXEMPLAR_BYTES))
            rows.append(ExemplarRow(name, "", *about, claim.text))
        rows.append(ExemplarRow("", claim.text, *about, ""))
    return rows


def ad_picture(claim: Claim, rng: np.random.Generator, suffix: str) -> bytes:
    """An ad of the claim; a PNG is drawn again until it is small enough."""
    while True:
        data = encoded(render(claim, rng, AD_SIZE).image, suffix)
        if suffix == "jpg" or len(data) <= PNG_BYTES:
            return data


class Samples:
    """Collects the rows of the manifest and writes their pictures."""

    def __init__(self) -> None:
        self.rows: list[Sample] = []
        self.rng = np.random.default_rng(SEED)

    def add(
        self, claim: Claim, kind: str, *, file: str = "", text: str = "", label: str = "", note: str
    ) -> None:
        brand = [b for b in BRANDS if b.isascii() == (claim.language == "en")]
        judged = label or ("violation" if claim.violating else "compliant")
        self.rows.append(
            Sample(
                id=f"ad-{len(self.rows) + 1:02}",
                file=file,
                text=text,
                advertiser=brand[len(self.rows) % len(brand)],
                market=claim.market,
                language=claim.language,
                product=claim.product,
                label=judged,
                rule=(claim.rule or "") if judged == "violation" else "",
                kind=kind,
                exemplar_note=note,
            )
        )

    def picture(self, claim: Claim, text: str = "", kind: str = "image") -> str:
        """An ad with the claim as headline, every third a PNG."""
        number = len(self.rows) + 1
        suffix = "png" if number % 3 == 0 else "jpg"
        data = ad_picture(claim, self.rng, suffix)
        return write(f"ads/ad-{number:02}.{suffix}", data)

    def pictures(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            self.add(claim, "image", file=self.picture(claim), note=f"headline: {claim.text}")

    def near_duplicates(self, claims: Iterable[Claim]) -> None:
        """Copies of exemplars: re-encoded, resized, cropped."""
        for claim, change in zip(claims, CHANGES, strict=True):
            source = f"exemplars/{claim.id.removeprefix('v-')}-1.jpg"
            with Image.open(HERE / source) as image:
                data, suffix = change(image.convert("RGB"))
            file = write(f"ads/ad-{len(self.rows) + 1:02}.{suffix}", data)
            self.add(claim, "near-duplicate", file=file, note=f"copy of {source}")

    def copies(self, claims: Iterable[Claim]) -> None:
        for number, claim in enumerate(claims):
            text = copy_of(claim, number)
            self.add(claim, "copy", text=text, note=f"claim: {claim.text}")

    def both(self, shown: Claim, said: Claim) -> None:
        """A picture of one claim with the copy of another; the violating one decides the label."""
        claim = shown if shown.violating else said
        file = self.picture(shown)
        note = f"headline: {shown.text}; claim: {said.text}"
        self.add(claim, "image+copy", file=file, text=copy_of(said, 0), note=note)

    def broken(self, claim: Claim) -> None:
        cut = ad_picture(claim, self.rng, "jpg")
        file = write("ads/truncated.jpg", cut[: len(cut) // 3])
        self.add(claim, "broken", file=file, label="error", note="a JPEG cut after a third")
        file = write("ads/text.png", b"This is a text file, whatever its name says.\n")
        self.add(claim, "broken", file=file, label="error", note="text named as a picture")


def cropped(image: Image.Image, share: float) -> Image.Image:
    """Without `share` of the side at each edge."""
    edge = round(image.width * share)
    return image.crop((edge, edge, image.width - edge, image.height - edge))


CHANGES = (
    lambda image: (encoded(image, "jpg", 50), "jpg"),
    lambda image: (encoded(image.resize((400, 400)), "jpg", 80), "jpg"),
    lambda image: (encoded(image.resize((180, 180)), "jpg", 90), "jpg"),
    lambda image: (encoded(cropped(image, 0.02), "jpg", 85), "jpg"),
    lambda image: (encoded(image, "png"), "png"),
    lambda image: (encoded(cropped(image, 0.03).resize((320, 320)), "jpg", 70), "jpg"),
)


def copy_of(claim: Claim, number: int) -> str:
    """The copy of an ad with the claim in its middle."""
    before, after = wrappers("held_out")[claim.language]
    gap, stop = (" ", ". ") if claim.language == "en" else ("", "")
    return before[number % 3] + gap + claim.text + stop + after[number % 3]


def by_language(claims: Iterable[Claim], language: str) -> list[Claim]:
    return [claim for claim in claims if claim.language == language]


def main() -> None:
    table("exemplars/exemplars.csv", exemplars())
    samples = Samples()
    groups = [[c for c in VIOLATING if c.category == name] for name in CATEGORIES]
    english = [by_language(group, "en") for group in groups]
    chinese = [by_language(group, "zh") for group in groups]
    ok_english, ok_chinese = by_language(COMPLIANT, "en"), by_language(COMPLIANT, "zh")
    samples.pictures(group[0] for pair in zip(english, chinese, strict=True) for group in pair)
    samples.pictures([*ok_english[:14:2], *ok_chinese[:14:2]])
    samples.near_duplicates(groups[i][2] for i in (0, 1, 2, 4, 6, 7))
    samples.copies([english[1][1], chinese[0][1], english[6][1], chinese[7][1]])
    samples.copies([ok_english[1], ok_chinese[1], ok_english[3], ok_chinese[5]])
    samples.both(ok_english[15], english[4][1])
    samples.both(chinese[3][1], ok_chinese[9])
    samples.broken(VIOLATING[0])
    table("manifest.csv", samples.rows)


if __name__ == "__main__":
    main()
