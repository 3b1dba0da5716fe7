"""What the thresholds' page makes of versions and of a candidate's effect."""

from __future__ import annotations

from typing import Any

import pytest

from executors.gateway.console.views.thresholds import (
    DEFAULT,
    changes,
    effect_of,
    in_force,
    shadow_of,
    table,
    value_of,
    with_value,
)

CONTENT: dict[str, dict[str, float | None]] = {
    "image": {"cure": 0.7, "safety": None},
    "text": {"cure": 0.6},
    "image-text": {},
    "default": {"image": 0.8, "text": 0.8, "image-text": None},
}


def version(name: str, state: str, encoder: str = "e1") -> dict[str, Any]:
    return {"id": name, "state": state, "encoder_version": encoder}


def point(threshold: float, recall: float | None, precision: float | None) -> dict[str, Any]:
    known = {"threshold": threshold, "recall": recall, "precision": precision}
    bounds = {"recall_low": 0.1, "recall_high": 0.9, "precision_low": 0.2, "precision_high": 1.0}
    return {**known, **bounds, "violations": 1, "flagged": 2}


@pytest.mark.parametrize(
    ("category", "signal", "value"),
    [
        ("cure", "image", 0.7),
        ("safety", "image", None),
        ("safety", "text", 0.8),
        ("cure", "image-text", None),
        (DEFAULT, "image", 0.8),
    ],
)
def test_a_category_has_its_own_threshold_or_the_signal_s(
    category: str, signal: str, value: float | None
) -> None:
    assert value_of(CONTENT, category, signal) == value


def test_a_table_shows_what_differs_and_what_is_inherited() -> None:
    other = with_value(CONTENT, "disease", "text", 0.5)
    rows = table(other, CONTENT)
    assert [row.category for row in rows] == ["cure", "disease", "safety", DEFAULT]
    assert changes(rows) == 1
    cells = {(row.category, cell.signal): cell for row in rows for cell in row.cells}
    changed = cells["disease", "text"]
    assert (changed.value, changed.before, changed.inherited) == (0.5, 0.8, False)
    assert cells["disease", "image"].inherited
    assert not cells[DEFAULT, "image"].inherited


def test_another_value_leaves_what_it_is_made_of_alone() -> None:
    assert with_value(CONTENT, "cure", "image", None)["image"]["cure"] is None
    assert with_value(CONTENT, DEFAULT, "text", 0.9)["default"]["text"] == 0.9
    assert CONTENT["image"]["cure"] == 0.7
    assert CONTENT["default"]["text"] == 0.8


def test_the_active_version_of_the_encoder_counts_else_the_file() -> None:
    file = version("f", "file", "")
    versions = [version("a", "active"), version("b", "shadow"), version("c", "retired"), file]
    assert in_force(versions, "e1") == versions[0]
    assert in_force(versions, "e2") == file
    assert in_force(versions, "") == versions[0]
    two = [version("a", "active"), version("d", "active", "e2"), file]
    assert in_force(two, "") == file  # nobody knows which encoder serves
    assert in_force([], "e1") is None
    assert shadow_of(versions, "e1") == versions[1]
    assert shadow_of(versions, "e2") is None


def test_a_curve_goes_from_the_highest_threshold_down_and_marks_both() -> None:
    data = {
        "points": [point(0.5, 1.0, 0.4), point(0.7, 0.5, 0.8), point(0.9, None, None)],
        "now": point(0.7, 0.5, 0.8),
        "then": point(0.9, None, None),
    }
    effect = effect_of(data)
    (line,) = effect.chart.lines
    assert [spot.title[:5] for spot in line.points] == ["0.700", "0.500"]
    assert [mark.kind for mark in effect.marks] == ["now"]  # nothing is flagged then
    (mark,) = effect.marks
    assert (mark.x, mark.y) == (line.points[0].x, line.points[0].y)
    assert mark.left < mark.x < mark.right
    assert mark.top < mark.y < mark.bottom


def test_without_answers_there_is_no_curve() -> None:
    assert effect_of({"points": [], "now": None, "then": None}).chart.empty
