"""`adjudicate capacity`, and docs/capacity.md, which shows what it prints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from adjudicate.capacity.figures import shipped
from adjudicate.capacity.page import filled
from adjudicate.cli.app import app

TABLES = ("waiting", "computing", "cpu", "bytes", "disk", "memory")
"""Of docs/capacity.md, made by `python -m benchmarks._scale_page`."""

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "capacity.md"


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["capacity", *arguments])


def said(*arguments: str) -> list[dict[str, Any]]:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_page_shows_what_the_command_prints() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("<!-- $ adjudicate capacity") >= 2
    assert "| `encoder.gpu_ms` |" in page
    assert filled(page, ROOT) == page, "run: python -m adjudicate.capacity.page docs/capacity.md"


def test_a_page_of_yesterday_would_be_seen() -> None:
    page = PAGE.read_text(encoding="utf-8")
    figure = f"| {shipped()['encoder.gpu_ms']:,g} GPU ms |"
    for now, once in (("(GPU)", "(memory)"), ("no price", "1"), (figure, "| 9,999 GPU ms |")):
        assert now in page
        assert filled(page.replace(now, once), ROOT) == page


def test_what_the_page_says_an_ad_costs_is_what_plans_take() -> None:
    page = PAGE.read_text(encoding="utf-8")
    table = page.partition("<!-- scale: cpu -->\n")[2].partition("<!-- end -->")[0]
    head, _, *rows = (line.strip("| ").split(" | ") for line in table.splitlines())
    cells = dict(zip(head, next(row for row in rows if row[0] == "8"), strict=True))
    figures = shipped()
    for room in ("gateway", "encoder", "library", "judge", "ledger"):
        assert float(cells[room]) == pytest.approx(figures[f"{room}.cpu_ms"], abs=0.006), room
    assert float(cells["PostgreSQL"]) == pytest.approx(figures["database.cpu_ms"], abs=0.006)


def test_every_table_of_what_was_measured_is_there() -> None:
    page = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"<!-- scale: (\w+) -->\n(.*?)<!-- end -->", page, re.S)
    assert {name for name, _ in found} == set(TABLES)
    assert all(table.count("\n|") >= 3 for _, table in found)


def test_three_loads_by_default_and_any_that_are_asked_for() -> None:
    assert [plan["ads_per_s"] for plan in said()] == [10, 1_000, 50_000]
    (one,) = said("--ads-per-s", "7")
    assert one["ads_per_s"] == 7
    assert one["money"] is None
    assert set(one["rooms"]) == {"gateway", "encoder", "library", "judge", "ledger"}
    assert one["nodes"]["judge_gpu"]["count"] >= 1


def test_own_figures_and_prices_change_the_plan(tmp_path: Path) -> None:
    costs, prices = tmp_path / "costs.yml", tmp_path / "prices.yml"
    costs.write_text("judge.gpu_ms: 1\n")
    prices.write_text("currency: EUR\njudge_gpu_node_hour: 1.5\n")
    before = said("--ads-per-s", "1000")[0]
    after = said(
        *("--ads-per-s", "1000", "--costs", str(costs), "--prices", str(prices)),
        *("--set", "judge_node.spare=0"),
    )[0]
    assert after["nodes"]["judge_gpu"]["count"] == 2 < before["nodes"]["judge_gpu"]["count"]
    assert after["money"]["currency"] == "EUR"
    assert after["money"]["month"] == pytest.approx(2 * 1.5 * 730)


def test_the_tables_say_what_has_no_price(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yml"
    prices.write_text("cpu_node_hour: 0.5\n")
    shown = invoke("--ads-per-s", "10", "--prices", str(prices)).stdout
    assert "a month, USD" in shown
    assert "no price" in shown


def test_the_figures_are_listed_with_their_sources() -> None:
    figures = json.loads(invoke("--figures", "--json").stdout)
    assert figures["encoder.gpu_ms"]["kind"] == "published"
    changed = json.loads(invoke("--figures", "--json", "--set", "encoder.gpu_ms=1").stdout)
    assert changed["encoder.gpu_ms"]["value"] == 1
    assert "vLLM" in invoke("--figures").stdout


def test_where_each_part_ends_is_listed() -> None:
    result = invoke("--limits", "--json")
    parts = [json.loads(line) for line in result.stdout.splitlines()]
    assert {"part", "ads_per_s", "then"} == set(parts[0])
    assert "SQLite's one writer" in {one["part"] for one in parts}
    assert "SQLite's one writer" in invoke("--limits").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--ads-per-s", "0"), "ads a second: above 0"),
        (("--set", "x=1"), "x is no figure"),
        (("--costs", "gone.yml"), "gone.yml"),
        (("--prices", "gone.yml"), "gone.yml"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("adjudicate: ")
    assert result.stderr.count("\n") == 1
    assert sentence in result.stderr
