"""The geometry of the console's charts."""

from __future__ import annotations

import pytest

from executors.gateway.console.views.charts import Series, curve, lines, nice_step, number, stacked


@pytest.mark.parametrize(
    ("most", "step"),
    [(0, 1), (1, 0.25), (4, 1), (7, 2), (9, 2.5), (100, 25), (130, 50), (0.02, 0.005)],
)
def test_steps_are_round(most: float, step: float) -> None:
    assert nice_step(most) == pytest.approx(step)


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (12, "12"), (1.5, "1.5"), (3_210, "3.21k"), (1_400_000, "1.4M")]
)
def test_numbers_are_short(value: float, said: str) -> None:
    assert number(value) == said


def test_the_highest_value_and_the_axis_stay_inside_the_plot() -> None:
    chart = lines([Series("p50", "half", [10.0, 97.0, 3.0])], ["a", "b", "c"], unit=" ms")
    (line,) = chart.lines
    assert all(chart.top <= point.y <= chart.bottom for point in line.points)
    assert all(chart.left <= point.x <= chart.right for point in line.points)
    assert chart.y_ticks[0].at == chart.bottom
    assert chart.y_ticks[-1].at == chart.top
    assert (chart.y_ticks[0].label, chart.y_ticks[-1].label) == ("0 ms", "100 ms")
    assert line.points[1].title == "b · half 97 ms"


def test_a_missing_value_breaks_the_line() -> None:
    chart = lines([Series("p50", "half", [1.0, None, 1.0, 1.0])], list("abcd"))
    (line,) = chart.lines
    assert [part[0] for part in line.path.split() if part[0] in "ML"] == ["M", "M", "L"]
    assert len(line.points) == 3


def test_columns_stack_without_gap_or_overlap() -> None:
    chart = stacked([Series("approve", "ok", [3, 0]), Series("reject", "no", [1, 2])], ["x", "y"])
    below, above, alone = chart.bars
    assert below.y + below.height == pytest.approx(chart.bottom)
    assert above.y + above.height == pytest.approx(below.y)
    assert below.height == pytest.approx(3 * above.height, abs=0.2)
    assert alone.x > below.x + below.width
    assert above.title == "x · no 1"


def test_many_places_have_few_ticks() -> None:
    hours = [f"{hour:02}:00" for hour in range(24)]
    chart = stacked([Series("approve", "ok", [1] * 24)], hours)
    assert [tick.label for tick in chart.x_ticks] == hours[::4]


def test_nothing_to_draw_is_known_to_be_nothing() -> None:
    assert stacked([Series("approve", "ok", [0, 0])], ["a", "b"]).empty
    assert lines([Series("p50", "half", [None])], ["a"]).empty
    assert lines([], []).empty
    assert not lines([Series("p50", "half", [0.0])], ["a"]).empty


def test_the_curve_s_corners_are_the_plot_s() -> None:
    chart = curve([(0.0, 0.0, "none"), (1.0, 1.0, "all")])
    first, last = chart.lines[0].points
    assert (first.x, first.y) == (chart.left, chart.bottom)
    assert (last.x, last.y) == (chart.right, chart.top)
