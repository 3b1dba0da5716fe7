"""The dashboards are of the form that Grafana's own types give, of the release that compose/ runs.

Grafana keeps its schema in CUE and publishes it as types, the npm package @grafana/schema.
ts-json-schema-generator makes a JSON schema of them, in which nothing else may stand.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from grafana.__main__ import FOLDER

SCHEMA = Path(__file__).parent / "schema"
COMPOSE = FOLDER.parents[1] / "compose" / "docker-compose.observability.yml"
BOARDS = sorted(FOLDER.glob("*.json"))
INSTALL_S = 120


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of a dashboard, and of each kind of panel."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: apt-get install npm")
    folder = tmp_path_factory.mktemp("schema")
    for name in ("package.json", "sheet.ts"):
        shutil.copy(SCHEMA / name, folder)
    quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error", "--prefer-offline")
    try:
        subprocess.run(
            [npm, "install", *quiet], cwd=folder, check=True, capture_output=True, timeout=INSTALL_S
        )
    except subprocess.SubprocessError as error:
        pytest.skip(f"the npm packages cannot be installed: {error}")
    # Without names: two of Grafana's types have the same one.
    how = ("--path", "sheet.ts", "--type", "Sheet", "--expose", "none", "--no-type-check")
    made = subprocess.run(
        ["node_modules/.bin/ts-json-schema-generator", *how],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert made.returncode == 0, made.stderr
    found: dict[str, Any] = json.loads(made.stdout)["definitions"]["Sheet"]["properties"]
    return found


def board(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def complaints(schema: dict[str, Any], value: Any) -> list[str]:
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in Draft7Validator(schema).iter_errors(value)
    ]


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_dashboard_is_of_grafanas_schema(schema: dict[str, Any], path: Path) -> None:
    assert complaints(schema["dashboard"], board(path)) == []


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_options_of_each_panel_are_those_of_its_plugin(schema: dict[str, Any], path: Path) -> None:
    for panel in board(path)["panels"]:
        if panel["type"] == "row":
            continue
        beside = {"options": panel.get("options", {})}
        custom = panel.get("fieldConfig", {}).get("defaults", {}).get("custom")
        if custom is not None:
            beside["custom"] = custom
        assert complaints(schema[panel["type"]], beside) == [], panel["title"]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("title", 7),
        ("refreshEvery", "30s"),
        ("panels", [{"type": "timeseries", "gridPos": {"x": 0, "y": 0, "w": "wide", "h": 8}}]),
    ],
)
def test_a_mistake_is_noticed(schema: dict[str, Any], place: str, value: Any) -> None:
    assert complaints(schema["dashboard"], {**board(BOARDS[0]), place: value}) != []


def test_a_mistake_in_the_options_is_noticed(schema: dict[str, Any]) -> None:
    assert complaints(schema["stat"], {"options": {"graphMode": "areas"}}) != []


def test_the_schema_is_of_the_grafana_that_is_run() -> None:
    pinned = json.loads((SCHEMA / "package.json").read_text())["dependencies"]["@grafana/schema"]
    assert f"image: grafana/grafana:{pinned}\n" in COMPOSE.read_text(encoding="utf-8")
