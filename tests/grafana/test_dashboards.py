"""The dashboards, as files and as Prometheus reads their queries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.prometheus import Dataquery

from executors.shared.telemetry.catalogue import ADS, REQUEST_SECONDS
from executors.shared.telemetry.instruments import Instrument
from executors.shared.telemetry.metrics import every_instrument
from executors.shared.telemetry.prometheus import label_name, sample_names
from grafana.__main__ import FOLDER, files
from grafana.promql import name_of, quantile, rate, series, share
from tests.grafana.metric_names import grouped, metrics
from tests.services.prometheus import RULES, NoPrometheus, run_promtool

BOARDS = sorted(path.name for path in FOLDER.glob("*.json"))
TARGET = {"job", "instance"}
PROMETHEUS_OWN = {"up": TARGET, "ALERTS": {"alertname", "alertstate", "severity"}}


def board(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def panels(name: str) -> list[dict[str, Any]]:
    return [panel for panel in board(name)["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    """Every query of every panel, with where it stands."""
    for name in BOARDS:
        for panel in panels(name):
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]


def rules() -> list[dict[str, str]]:
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES.glob("*.yml")]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def known() -> dict[str, set[str]]:
    """Every name that there is, with its labels: the catalogue's, the recorded, Prometheus' own."""
    found = {name: set(labels) for name, labels in PROMETHEUS_OWN.items()}
    for instrument in every_instrument():
        labels = {label_name(attribute) for attribute in instrument.attributes} | TARGET
        for name in sample_names(instrument):
            found[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    for rule in rules():
        if "record" in rule:
            found[rule["record"]] = grouped(rule["expr"]) - {"le"}
    return found


def test_the_files_are_what_their_modules_say() -> None:
    assert {name: (FOLDER / name).read_text(encoding="utf-8") for name in BOARDS} == files()


@pytest.mark.parametrize("name", BOARDS)
def test_every_query_has_only_fields_of_grafanas_prometheus_queries(name: str) -> None:
    for panel in panels(name):
        for target in panel["targets"]:
            read = Dataquery.from_json(target)
            assert json.loads(json.dumps(read, cls=JSONEncoder)) == target


def test_prometheus_can_read_every_query(tmp_path: Path) -> None:
    numbered = list(enumerate(queries()))
    recorded = [
        {"record": f"query:{n}", "expr": query.replace("$__rate_interval", "5m")}
        for n, (_, query) in numbered
    ]
    groups = {"groups": [{"name": "queries", "rules": recorded}]}
    (tmp_path / "queries.yml").write_text(yaml.safe_dump(groups))
    try:
        checked = run_promtool("check", "rules", "queries.yml", folder=tmp_path)
    except NoPrometheus as reason:
        pytest.skip(str(reason))
    assert checked.returncode == 0, checked.stdout
    assert f"{len(numbered)} rules found" in checked.stdout


def test_prometheus_accepts_the_rules() -> None:
    try:
        checked = run_promtool("check", "rules", *map(str, sorted(RULES.glob("*.yml"))))
    except NoPrometheus as reason:
        pytest.skip(str(reason))
    assert checked.returncode == 0, checked.stdout


def test_every_panel_asks_only_for_metrics_and_labels_of_the_catalogue() -> None:
    names = known()
    for where, query in queries():
        for metric, labels in metrics(query).items():
            assert metric in names, f"{where} asks for {metric}"
            assert labels <= names[metric], f"{where}: {metric} has no {labels - names[metric]}"


def test_every_rule_asks_only_for_metrics_and_labels_of_the_catalogue() -> None:
    names = known()
    for rule in rules():
        where = rule.get("alert") or rule["record"]
        for metric, labels in metrics(rule["expr"]).items():
            assert metric in names, f"{where} asks for {metric}"
            assert labels <= names[metric], f"{where}: {metric} has no {labels - names[metric]}"
        every = set().union(*(names[metric] for metric in metrics(rule["expr"])))
        assert grouped(rule["expr"]) <= every, where


@pytest.mark.parametrize("instrument", every_instrument(), ids=lambda each: each.name)
def test_every_metric_of_the_catalogue_is_on_a_panel(instrument: Instrument) -> None:
    asked = {metric for _, query in queries() for metric in metrics(query)}
    assert asked & set(sample_names(instrument))


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_has_a_place_a_number_and_says_what_it_shows(name: str) -> None:
    placed = board(name)["panels"]
    assert len({panel["id"] for panel in placed}) == len(placed)
    for panel in panels(name):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    for one, other in combinations([panel["gridPos"] for panel in placed], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, f"{name}: {one} and {other}"


def test_there_is_a_dashboard_for_who_is_on_call_one_per_room_quality_and_gpu() -> None:
    found = {board(name)["uid"] for name in BOARDS}
    wanted = ("overview", "gateway", "encoder", "library", "judge", "ledger", "quality", "gpu")
    assert found == {f"adjudicate-{name}" for name in wanted}


def test_expressions_are_built_from_the_catalogue() -> None:
    assert name_of(ADS) == "adjudicate_ads_total"
    assert name_of(REQUEST_SECONDS) == "adjudicate_request_duration_seconds"
    assert series(ADS, {"code": "!=ok"}) == 'adjudicate_ads_total{code!="ok"}'
    assert rate(ADS, "outcome", window="5m") == (
        "sum by (outcome) (rate(adjudicate_ads_total[5m]))"
    )
    assert share("a", "b") == "a / (b > 0)"
    assert "sum by (le, endpoint)" in quantile(0.5, REQUEST_SECONDS, "endpoint")


def test_an_attribute_that_an_instrument_does_not_have_is_refused() -> None:
    with pytest.raises(KeyError, match="has no attribute room"):
        rate(ADS, "room")
