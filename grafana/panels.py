"""The few kinds of panels that the dashboards are made of, all of one look."""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, AMBER, RED = "green", "orange", "red"
LEVELS = {"below": (GREEN, AMBER, RED), "above": (RED, AMBER, GREEN)}
"""Colours from low to high: `below` where low is good."""


@dataclass(frozen=True)
class Query:
    """An expression and what its series are called: text with `{{label}}`."""

    expression: str
    legend: str = ""
    exemplars: bool = False
    """Show the traces behind the values as points."""


def graph(
    title: str,
    meaning: str,
    *queries: Query,
    unit: str = "short",
    stacked: bool = False,
    lines: tuple[float, ...] = (),
    most: float | None = None,
    width: int = 8,
) -> timeseries.Panel:
    """Values over time. `lines` are drawn at values from which on something is amber, then red."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(meaning)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .span(width)
        .height(8)
        .fill_opacity(30 if stacked else 8)
        .show_points(looks.VisibilityMode.NEVER)
        .span_nulls(False)
        .legend(
            common.VizLegendOptions()
            .display_mode(looks.LegendDisplayMode.TABLE)
            .placement(looks.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(looks.TooltipDisplayMode.MULTI)
            .sort(looks.SortOrder.DESCENDING)
        )
    )
    if most is not None:
        panel.max(most)
    if stacked:
        panel.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL))
    if lines:
        panel.thresholds(_thresholds(lines, LEVELS["below"]))
        panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED)
        )
    for name, query in zip("ABCDEFGH", queries, strict=False):
        panel.with_target(_target(name, query))
    return panel


def number(
    title: str,
    meaning: str,
    query: Query,
    *,
    unit: str = "short",
    lines: tuple[float, ...] = (),
    good: str = "below",
    width: int = 3,
    words: dict[int, str] | None = None,
    empty: str = "",
) -> stat.Panel:
    """One value now, green, amber or red.

    `words` are shown instead of whole numbers, `empty` where there is none.
    """
    panel = (
        stat.Panel()
        .title(title)
        .description(meaning)
        .datasource(SOURCE)
        .unit(unit)
        .span(width)
        .height(4)
        .color_mode(looks.BigValueColorMode.BACKGROUND if lines else looks.BigValueColorMode.VALUE)
        .graph_mode(looks.BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .thresholds(_thresholds(lines, LEVELS[good]))
        .with_target(_target("A", query))
    )
    if empty:
        panel.no_value(empty)
    if words:
        told = {str(value): models.ValueMappingResult(text=text) for value, text in words.items()}
        panel.mappings([models.ValueMap(options=told)])
    return panel


def heat(title: str, meaning: str, expression: str, *, unit: str, width: int = 8) -> heatmap.Panel:
    """How values are spread over a histogram's buckets, over time."""
    target = _target("A", Query(expression, "{{le}}", exemplars=True))
    return (
        heatmap.Panel()
        .title(title)
        .description(meaning)
        .datasource(SOURCE)
        .span(width)
        .height(8)
        .calculate(False)
        .y_axis(_axis(unit))
        .color(_colours())
        .with_target(target.format(PromQueryFormat.HEATMAP))
    )


def rows(title: str, meaning: str, query: Query, *, width: int = 12) -> table.Panel:
    """The series of now, a row for each, their labels as columns."""
    target = _target("A", query).instant().format(PromQueryFormat.TABLE)
    hidden = {"Time": True, "__name__": True, "job": True}
    return (
        table.Panel()
        .title(title)
        .description(meaning)
        .datasource(SOURCE)
        .span(width)
        .height(8)
        .with_target(target)
        .transformations(
            [models.DataTransformerConfig(id_val="organize", options={"excludeByName": hidden})]
        )
    )


def sheet(uid: str, title: str, meaning: str) -> dashboard.Dashboard:
    """An empty dashboard, with the choice of a Prometheus and links to the others."""
    others = (
        dashboard.DashboardLink("Adjudicate")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags(["adjudicate"])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(meaning)
        .tags(["adjudicate"])
        .timezone("browser")
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(others)
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
        )
    )


def row(title: str) -> dashboard.Row:
    """A heading; what follows it is below it."""
    return dashboard.Row(title)


def _target(name: str, query: Query) -> prometheus.Dataquery:
    target = (
        prometheus.Dataquery()
        .expr(query.expression)
        .legend_format(query.legend or "__auto")
        .ref_id(name)
        .range()
    )
    return target.exemplar(True) if query.exemplars else target


def _thresholds(values: tuple[float, ...], colours: tuple[str, ...]) -> dashboard.ThresholdsConfig:
    """With one value, the middle colour is left out."""
    used = colours if len(values) > 1 else (colours[0], colours[-1])
    used = used if values else ("text",)
    steps = [models.Threshold(None, used[0])]
    steps += [
        models.Threshold(value, colour) for value, colour in zip(values, used[1:], strict=True)
    ]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _axis(unit: str) -> heatmap.YAxisConfig:
    return heatmap.YAxisConfig().unit(unit)


def _colours() -> heatmap.HeatmapColorOptions:
    return heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Turbo").steps(64)
