"""A report held against bounds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from adjudicate.report.checking import Bound, check, read_bounds, shipped
from adjudicate.report.measures import is_known, measures_of, unit_of
from tests.report.made import card, made

ROOT = Path(__file__).resolve().parents[2]


def bound(measure: str, **limits: float | bool) -> list[Bound]:
    return [Bound.model_validate({"measure": measure, **limits})]


@pytest.mark.parametrize(
    ("measure", "limits", "said"),
    [
        ("stages.total.p95", {"most": 900}, "is 955 ms, above the bound of 900 ms"),
        ("ads.count", {"least": 11}, "is 10, below the bound of 11"),
        ("outcomes.error.share", {"most": 0.1}, "is 20 %, above the bound of 10 %"),
        ("codes.image_empty.count", {"most": 0}, "is 1, above the bound of 0"),
        ("ads.failed_share", {"most": 0.05}, "is 10 %, above the bound of 5 %"),
        ("requests.rate_limited.share", {"most": 0.01}, "is 10 %, above the bound of 1 %"),
        ("rooms.judge.missing", {"most": 0}, "is 1, above the bound of 0"),
        ("rooms.encoder/1.cpu.max", {"most": 1}, "is 1.5 cores, above the bound of 1 cores"),
        ("rooms.ledger.memory.mean", {"most": 1e8}, "is 500 MB, above the bound of 100 MB"),
        ("rooms.ledger.disk_free_share.min", {"least": 0.7}, "is 60 %, below the bound of 70 %"),
        ("gpus.*.memory_share.p95", {"most": 0.4}, "is 50 %, above the bound of 40 %"),
        ("gpus.*.temperature.max", {"most": 50}, "is 60 °C, above the bound of 50 °C"),
    ],
)
def test_a_broken_bound_says_number_and_bound(
    measure: str, limits: dict[str, float], said: str
) -> None:
    (found,) = check(made(cards=(card(),)), bound(measure, **limits))
    assert found.broken
    assert found.said.endswith(said)


def test_a_number_at_its_bound_holds() -> None:
    report = made()
    for limits in ({"most": 10}, {"least": 10}, {"least": 10, "most": 10}):
        (found,) = check(report, bound("ads.count", **limits))
        assert not found.broken
        assert "within" in found.said


def test_a_star_bounds_every_number_that_it_stands_for() -> None:
    found = check(made(), bound("rooms.*.cpu.max", most=1))
    assert {one.measure: one.broken for one in found} == {
        "rooms.gateway.cpu.max": False,
        "rooms.encoder/1.cpu.max": True,
        "rooms.ledger.cpu.max": False,
    }


def test_what_was_not_measured_breaks_only_what_is_required() -> None:
    report = made()
    (found,) = check(report, bound("stages.library.p95", most=1))
    assert (found.value, found.broken) == (None, False)
    (required,) = check(report, bound("stages.library.p95", most=1, required=True))
    assert required.broken
    assert required.said == "stages.library.p95 was not measured"


def test_shares_of_no_ads_are_not_measured() -> None:
    report = made()
    assert report.ads is not None
    nothing = report.ads.model_copy(update={"count": 0, "read": 0, "outcomes": {}, "codes": {}})
    measured = measures_of(report.model_copy(update={"ads": nothing, "requests": {}}))
    assert measured["ads.count"] == 0
    assert measured["requests.count"] == 0
    assert not [name for name in measured if name.startswith(("outcomes.", "codes."))]


def test_every_number_of_a_report_has_a_name_that_a_bound_may_have() -> None:
    for name in measures_of(made(cards=(card(),))):
        assert is_known(name) or name.startswith("stages.later.invention")
        unit_of(name)
    for unknown in ("stages.total.p90", "stages.encodr.p95", "rooms.cpu", "cpu.max", "", "ads"):
        assert not is_known(unknown)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bounds: [", "is not YAML"),
        ("", "valid dictionary"),
        ("[]", "valid dictionary"),
        ("bounds: []\nmore: 1", "more: Extra inputs"),
        ("bounds: [{measure: stages.total.p90, most: 1}]", "no report has a number named"),
        ("bounds: [{measure: ads.count}]", "names neither most nor least"),
        ("bounds: [{measure: ads.count, most: much}]", "bounds.0.most"),
        ("bounds: [{measure: ads.count, most: .nan}]", "finite"),
        ("bounds: [{measure: ads.count, mots: 1}]", "mots"),
    ],
)
def test_a_file_that_is_wrong_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        read_bounds(str(path))
    assert str(error.value).startswith("mine.yml")
    assert "\n" not in str(error.value)


def test_the_shipped_bounds_are_those_of_the_alerts() -> None:
    """Each names an alert that there is, and its number stands in that alert's expression."""
    rules = yaml.safe_load((ROOT / "grafana" / "rules" / "alerts.yml").read_text(encoding="utf-8"))
    alerts = {
        rule["alert"]: rule["expr"]
        for group in rules["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    bounds = read_bounds("default").bounds
    assert len(bounds) > 5
    for one in bounds:
        limit = one.most if one.most is not None else one.least
        assert limit is not None
        if one.measure == "stages.total.p95":
            limit /= 1_000  # the alert's are seconds
        if one.measure != "rooms.*.missing":  # there the alert asks whether it is up
            numbers = [float(found) for found in re.findall(r"[\d.]*\d", alerts[one.alert])]
            assert limit in numbers, one.measure


def test_the_page_of_the_report_shows_the_shipped_bounds() -> None:
    page = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    for one in yaml.safe_load(shipped())["bounds"]:
        assert f"`{one['measure']}`" in page
