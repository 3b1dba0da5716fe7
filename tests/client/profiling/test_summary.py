"""Many ads' times in rows, as data, and as a picture."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from adjudicate.documents import Decision
from adjudicate.profiling.collect import Profile
from adjudicate.profiling.figure import write
from adjudicate.profiling.summary import as_json, headline, lines

ROOMS = {"encoder": 4.0, "encoder.model": 3.0, "library": 1.0, "ledger": 1.0, "gateway": 2.0}


@pytest.fixture
def profile() -> Profile:
    made = Profile(request_size=2, concurrency=3, seconds=2.0)
    for judge in (0.0, 0.0, 0.0, 40.0):
        timings = {**ROOMS, **({"judge": judge, "judge.model": judge} if judge else {})}
        decision = Decision(outcome="approve", timings=timings, judged=judge > 0, cached=judge > 0)
        made.add(decision, 10.0 + judge)
    return made


def test_stages_stand_in_the_order_of_the_way_and_add_up(profile: Profile) -> None:
    stages = [line for line in lines(profile) if not line.part]
    names = ["network", "gateway", "encoder", "library", "judge", "ledger", "total"]
    assert [line.stage for line in stages] == names
    *parts, total = stages
    assert sum(line.mean for line in parts) == pytest.approx(total.mean) == pytest.approx(20.0)
    assert sum(line.share for line in parts) == pytest.approx(total.share) == pytest.approx(1.0)


def test_percentiles_are_those_of_the_ads(profile: Profile) -> None:
    (judge,) = [line for line in lines(profile) if line.stage == "judge" and not line.part]
    assert (judge.mean, judge.p50) == (10.0, 0.0)
    assert judge.p95 == pytest.approx(34.0)  # linear between the third ad's 0 and the fourth's 40


def test_parts_that_took_no_time_are_left_out(profile: Profile) -> None:
    parts = {line.part for line in lines(profile)}
    assert "encoder.model" in parts
    assert not parts & {"encoder.wait", "judge.wait", "gateway.library"}


def test_the_data_says_what_was_sent(profile: Profile) -> None:
    data = as_json(profile)
    said = {name: data[name] for name in ("ads", "request_size", "concurrency", "judged", "cached")}
    assert said == {"ads": 4, "request_size": 2, "concurrency": 3, "judged": 1, "cached": 1}
    assert data["ads_per_second"] == 2.0
    assert data["outcomes"] == {"approve": 4}
    assert {stage["stage"] for stage in data["stages"]} >= {"network", "judge", "total"}


def test_the_headline_says_how_many_verdicts_were_not_made_anew(profile: Profile) -> None:
    expected = "4 ads, 2 a request, 3 at a time: 2.0 ads/s; 1 judged, 1 of them from the judge's"
    assert headline(profile) == f"{expected} cache"


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="the report extra")
def test_the_picture_has_a_bar_for_each_part_and_the_page_its_table(
    profile: Profile, tmp_path: Path
) -> None:
    for name in ("p.svg", "p.png", "p.html"):
        write(profile, tmp_path / name)
    drawn = (tmp_path / "p.svg").read_text()
    order = ["client, network, protocol", "encoder: model", "library: search", "judge: model"]
    places = [drawn.index(text) for text in order]
    assert places == sorted(places)
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "p.html").read_text()
    assert "<svg" in page
    assert page.count("<tr class=stage>") == 7
    assert "http://" not in re.sub(r"http://(www\.w3\.org|purl\.org|creativecommons)", "", page)


def test_another_ending_is_refused(profile: Profile, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.html, \.svg, \.png"):
        write(profile, tmp_path / "p.pdf")
