"""Quality over time: do the models still see what they were set up for, and do people agree."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from executors.shared.telemetry import catalogue as c
from grafana.panels import Query, graph, heat, number, row, sheet
from grafana.promql import buckets, newest, rate, share

SHIFTS = (0.1, 0.25)
"""Of the population stability index: a shift to look at, and a large one."""


def quality() -> Dashboard:
    """`adjudicate-quality`."""
    board = sheet(
        "adjudicate-quality",
        "Adjudicate / Quality",
        "Drift against the reference window, what the screen misses, what people overturn.",
    )
    for part in (_now, _drift, _judging):
        part(board)
    return board


def _now(board: Dashboard) -> None:
    for panel in (
        number(
            "Largest shift",
            "Population stability index of the feature that moved most: 0.1 look, 0.25 act.",
            Query(newest(c.PSI)),
            lines=SHIFTS,
            width=6,
        ),
        number(
            "Screen misses",
            "Estimated share of the passed ads that break a rule.",
            Query(newest(c.SCREEN_MISS, where={"bound": "estimate"})),
            unit="percentunit",
            lines=(0.01, 0.02),
            width=6,
        ),
        number(
            "Reviewers agree",
            "Share of the reviewed decisions that people upheld.",
            Query(newest(c.AGREEMENT, where={"bound": "estimate"})),
            unit="percentunit",
            lines=(0.9, 0.95),
            good="above",
            width=6,
        ),
        number(
            "Judged to break a rule",
            "Share of the judged ads.",
            Query(newest(c.POSITIVE_RATE, where={"rule": "all"})),
            unit="percentunit",
            width=6,
        ),
    ):
        board.with_panel(panel)


def _drift(board: Dashboard) -> None:
    board.with_row(row("Drift"))
    board.with_panel(
        graph(
            "Population stability index",
            "Of the recent ads against the reference window: 0.1 look, 0.25 act.",
            Query(newest(c.PSI, "feature"), "{{feature}}"),
            lines=SHIFTS,
            width=12,
        )
    )
    board.with_panel(
        graph(
            "Share flagged",
            "Of the screened ads, by signal. A jump without a change of the library is drift.",
            Query(
                f"{rate(c.FLAGGED, 'signal')} / on () group_left () ({rate(c.SCREENED)} > 0)",
                "{{signal}}",
            ),
            unit="percentunit",
            width=12,
        )
    )
    for signal in ("image", "text", "image-text"):
        board.with_panel(
            heat(
                f"Similarity, {signal}",
                "How the ads' highest similarities to a known violation are spread.",
                buckets(c.SIMILARITY, {"signal": signal}),
                unit="none",
            )
        )


def _judging(board: Dashboard) -> None:
    board.with_row(row("Judging"))
    for panel in (
        graph(
            "Judged to break a rule",
            "Share of the judged ads, by rule; `all` is any. The eleven most frequent.",
            Query(f"topk(11, {newest(c.POSITIVE_RATE, 'rule')})", "{{rule}}"),
            unit="percentunit",
        ),
        graph(
            "What the screen misses",
            "Share of the ads that passed although they break a rule, with its interval.",
            Query(newest(c.SCREEN_MISS, "bound"), "{{bound}}"),
            unit="percentunit",
        ),
        graph(
            "Reviewers' agreement",
            "Share of the reviewed decisions that people upheld, with its interval.",
            Query(newest(c.AGREEMENT, "bound"), "{{bound}}"),
            unit="percentunit",
            most=1,
        ),
        graph(
            "Escalated",
            "Share of the ads that people have to decide.",
            Query(share(rate(c.ADS, where={"outcome": "escalate"}), rate(c.ADS)), "escalated"),
            unit="percentunit",
            width=12,
        ),
        graph(
            "Answers that were of no use",
            "Of the judge, a second, by reason.",
            Query(rate(c.JUDGE_INVALID, "reason"), "{{reason}}"),
            unit="ops",
            width=12,
        ),
    ):
        board.with_panel(panel)
