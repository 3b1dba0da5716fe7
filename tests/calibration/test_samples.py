"""The labelled renders that calibration is shown on."""

from pathlib import Path

import pytest

from adjudicate.calibration.labelled import labelled_at
from models.render.claims import CATEGORIES
from samples import make_labelled


def test_every_row_is_an_ad_with_its_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["make_labelled", str(tmp_path), "--per-claim", "5"])
    make_labelled.main()
    rows = list(labelled_at(tmp_path / "labelled.csv"))
    assert len(rows) == 400
    assert not [one.ad.problem for one in rows if one.ad.problem]
    assert {one.category for one in rows if one.violating} == set(CATEGORIES)
    assert sum(one.violating for one in rows) == 200
    assert sum(one.ad.image is not None for one in rows) == 320
    assert sum(bool(one.ad.text) for one in rows) == 160
    assert len({one.group for one in rows}) == 80
