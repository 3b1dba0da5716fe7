"""Numbers in the picture of a dashboard, and its place for each panel."""

from __future__ import annotations

import json
from typing import Any

import pytest

from grafana.__main__ import FOLDER
from grafana.picture import Source, Span, draw
from grafana.units import shown


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123, "s", "12.3 ms"),
        (2.0, "s", "2 s"),
        (0.00004, "s", "40 µs"),
        (0.0, "s", "0 s"),
        (0.125, "percentunit", "12.5 %"),
        (3 * 2**30, "bytes", "3 GiB"),
        (12.0, "bytes", "12 B"),
        (12_300.0, "short", "12.3 k"),
        (4.0, "ops", "4/s"),
        (71.0, "celsius", "71 °C"),
    ],
)
def test_a_value_is_shown_in_its_unit(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text


class Empty(Source):
    """A Prometheus that has read nothing yet."""

    def __init__(self) -> None:
        super().__init__("http://localhost", "1m")

    def _ask(self, path: str, expression: str, asked: dict[str, float]) -> list[dict[str, Any]]:
        return []


@pytest.mark.parametrize("name", ["overview", "library"])
def test_every_panel_has_its_place_even_without_data(name: str) -> None:
    board = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    figure = draw(board, Empty(), Span(0.0, 600.0, 10.0))
    titles = [panel["title"] for panel in board["panels"] if panel["type"] != "row"]
    assert [axes.get_title(loc="left") for axes in figure.axes] == titles
    headings = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    assert [text.get_text() for text in figure.texts] == headings
