"""Each alert fires when it should and not when it should not, by promtool's own evaluation."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import pytest
import yaml

from grafana.faults import FAULTS
from tests.grafana.alert_cases import CASES, Case, Series
from tests.services.prometheus import RULES, NoPrometheus, run_promtool

RUNBOOK = RULES.parents[1] / "docs" / "runbook.md"


def rules() -> list[dict]:
    """Those of both files."""
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES.glob("*.yml")]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}


@pytest.fixture(scope="module")
def fired(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What promtool got for each case, by `NUMBER fires` and `NUMBER silent`."""
    folder, told = tmp_path_factory.mktemp("promtool"), ""
    for every, hours in (("1m", False), ("4m", True)):  # a day in minutes takes promtool a minute
        cases = {n: case for n, case in enumerate(CASES) if case.at.endswith("h") is hours}
        wanted = {case.alert for case in cases.values()}
        kept = [rule for rule in rules() if rule.get("alert", "") in wanted or "record" in rule]
        groups = {"groups": [{"name": "kept", "rules": kept}]}
        Path(folder, "rules.yml").write_text(yaml.safe_dump(groups, allow_unicode=True))
        content = {
            "rule_files": ["rules.yml"],
            "evaluation_interval": every,
            "tests": [
                test
                for number, case in cases.items()
                for test in (
                    _test(f"{number} fires", case, case.fires),
                    _test(f"{number} silent", case, case.silent),
                )
            ],
        }
        Path(folder, "cases.yml").write_text(yaml.safe_dump(content, allow_unicode=True))
        try:
            told += run_promtool("test", "rules", "cases.yml", folder=folder).stdout
        except NoPrometheus as reason:
            pytest.skip(str(reason))
    # No alert is expected, so promtool tells of each that fires.
    found = re.split(r"^    name: (\d+ \w+),$", told, flags=re.MULTILINE)[1:]
    assert found, told
    return dict(zip(found[::2], found[1::2], strict=True))


def _test(name: str, case: Case, series: Series) -> dict:
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": key, "values": value} for key, value in series.items()],
        "alert_rule_test": [{"eval_time": case.at, "alertname": case.alert, "exp_alerts": []}],
    }


@pytest.mark.parametrize(("number", "case"), enumerate(CASES), ids=[c.alert for c in CASES])
def test_alert_fires(fired: dict[str, str], number: int, case: Case) -> None:
    got = fired[f"{number} fires"]
    assert f'summary="{case.summary}"' in got
    assert f'runbook_url="docs/runbook.md#{case.alert.lower()}"' in got


@pytest.mark.parametrize(
    ("number", "case"),
    [(number, case) for number, case in enumerate(CASES) if case.silent],
    ids=[f"{case.alert}: {case.why}" for case in CASES if case.silent],
)
def test_alert_is_silent(fired: dict[str, str], number: int, case: Case) -> None:
    assert f"{number} silent" not in fired


def test_every_alert_has_a_case_and_only_the_watchdog_is_never_silent() -> None:
    assert {case.alert for case in CASES} == set(ALERTS)
    assert {case.alert for case in CASES if not case.silent} == {"AdjudicateWatchdog"}


def test_every_alert_says_how_urgent_it_is_and_has_its_section_in_the_runbook() -> None:
    sections = re.findall(r"^## (\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == list(ALERTS)
    for name, rule in ALERTS.items():
        assert rule["labels"]["severity"] in {"page", "ticket", "none"}, name
        assert rule["annotations"]["runbook_url"].endswith(f"#{name.lower()}")


def test_the_runbook_says_of_each_alert_what_it_means_how_to_look_and_what_to_do() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        name, _, body = section.partition("\n")
        for part in ("**Means**", "**Look**", "**Do**"):
            assert part in body, f"{name} lacks {part}"


def test_failures_in_the_rules_are_the_codes_of_the_error_table() -> None:
    named = {
        codes for rule in rules() for codes in re.findall(r'_total\{code=~"([^"]+)"', rule["expr"])
    }
    assert named == {"|".join(FAULTS)}


def test_no_recorded_name_is_written_twice() -> None:
    names = sorted(rule["record"] for rule in rules() if "record" in rule)
    assert [name for name, same in groupby(names) if len(list(same)) > 1] == []
