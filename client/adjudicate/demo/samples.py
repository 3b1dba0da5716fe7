"""The sample ads and what is known about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adjudicate.documents import Ad
from adjudicate.sources import AD_COLUMNS, picture_ad, rows

LABELS = ("violation", "compliant", "error")


@dataclass(frozen=True)
class Sample:
    """An ad with its label: `violation`, `compliant`, or `error` for one that cannot be read."""

    ad: Ad
    label: str
    rule: str = ""
    kind: str = ""

    @property
    def ad_id(self) -> str:
        """The ad's id."""
        return self.ad.id or ""


def read_samples(manifest: Path) -> Iterator[Sample]:
    """The rows of a manifest with columns id, label and an ad's.

    Raises `ValueError` for a label that is not known, or an id that is not there or there twice.
    """
    seen: set[str] = set()
    for number, row in enumerate(rows(manifest, ("label",)), 1):
        ad_id, label = row.get("id", ""), row["label"]
        if label not in LABELS:
            raise ValueError(f"{manifest}, row {number}: the label {label!r} is not known.")
        if not ad_id or ad_id in seen:
            raise ValueError(f"{manifest}, row {number}: the id {ad_id!r} is empty or used twice.")
        seen.add(ad_id)
        fields = {name: row[name] for name in AD_COLUMNS if row.get(name)}
        if row.get("file"):
            ad = picture_ad(manifest.parent / row["file"], ad_id, fields)
        else:
            ad = Ad.parse({**fields, "id": ad_id})
        yield Sample(ad, label, row.get("rule", ""), row.get("kind", ""))
