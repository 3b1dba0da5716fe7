"""The dashboard for who is on call: is it up, is it right, is it fast, and if not, where."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from executors.shared.telemetry import catalogue as c
from grafana.faults import ANY_FAULT
from grafana.panels import Query, graph, number, row, rows, sheet
from grafana.promql import count, mean, newest, quantile, rate, share, total

JOBS = 'job=~"adjudicate/.*"'
REVIEW = {"endpoint": "/review"}
"""The endpoint that decides ads, on each protocol."""


def overview() -> Dashboard:
    """`adjudicate-overview`."""
    board = sheet("adjudicate-overview", "Adjudicate / Overview", "For who is on call.")
    for part in (_now, _ads, _time, _rooms, _machine):
        part(board)
    return board


def _now(board: Dashboard) -> None:
    up = number(
        "Processes down",
        "Rooms and replicas that Prometheus cannot read.",
        Query(f"count(up{{{JOBS}}} == 0) or vector(0)"),
        lines=(1,),
    )
    unhealthy = number(
        "Rooms unhealthy",
        "Rooms that did not answer their last canary.",
        Query(f"count({newest(c.ROOM_HEALTHY, 'room')} == 0) or vector(0)"),
        lines=(1,),
    )
    failing = number(
        "Requests failed",
        "Share of the requests that the service could not answer, through no fault of the caller.",
        Query(_or_zero(share(rate(c.REQUESTS, where={"code": ANY_FAULT}), rate(c.REQUESTS)))),
        unit="percentunit",
        lines=(0.001, 0.01),
    )
    slow = number(
        "Review, p95",
        "95 of 100 reviews are answered within this time. One may carry many ads.",
        Query(quantile(0.95, c.REQUEST_SECONDS, where=REVIEW)),
        unit="s",
        lines=(2, 10),
    )
    ads = number("Ads a second", "Ads decided.", Query(rate(c.ADS)), unit="ops")
    waiting = number(
        "Ads waiting",
        "Ads that wait for a place at the gateway. Above 0 for long: it is saturated.",
        Query(total(c.ADS_WAITING)),
        lines=(1, 100),
    )
    judged = number(
        "Share judged",
        "Of the screened ads, those that the judge answered. It sets what a review costs.",
        Query(_or_zero(share(rate(c.JUDGED), rate(c.SCREENED)))),
        unit="percentunit",
    )
    breaker = number(
        "Judge's breaker",
        "Open: the judge's server does not answer, and flagged ads are escalated at once."
        " A judge in its own room has no breaker.",
        Query(newest(c.BREAKER)),
        lines=(1, 2),
        words={0: "closed", 1: "half open", 2: "open"},
        empty="no server",
    )
    for panel in (up, unhealthy, failing, slow, ads, waiting, judged, breaker):
        board.with_panel(panel)


def _ads(board: Dashboard) -> None:
    board.with_row(row("Ads"))
    board.with_panel(
        graph(
            "Outcomes",
            "Ads decided a second, by outcome.",
            Query(rate(c.ADS, "outcome"), "{{outcome}}"),
            unit="ops",
            stacked=True,
        )
    )
    board.with_panel(
        graph(
            "Protocols",
            "Ads decided a second, by the protocol that brought them.",
            Query(rate(c.ADS, "protocol"), "{{protocol}}"),
            unit="ops",
            stacked=True,
        )
    )
    board.with_panel(
        graph(
            "Ads in error",
            "Ads a second that could not be reviewed, by the code of their problem.",
            Query(rate(c.ADS, "code", where={"code": "!=ok"}), "{{code}}"),
            unit="ops",
            stacked=True,
        )
    )
    board.with_panel(
        graph(
            "Requests not answered",
            "Requests refused or failed a second, by code.",
            Query(rate(c.REQUESTS, "code", where={"code": "!=ok"}), "{{code}}"),
            unit="reqps",
            stacked=True,
        )
    )
    board.with_panel(
        graph(
            "Rules",
            "Ads rejected or escalated a second, by rule; the ten most frequent.",
            Query(f"topk(10, {rate(c.RULED, 'rule')})", "{{rule}}"),
            unit="ops",
        )
    )
    board.with_panel(
        graph(
            "Flagged by",
            "Ads that the screen sent to the judge a second, by the signal that did it.",
            Query(rate(c.FLAGGED, "signal"), "{{signal}}"),
            unit="ops",
            stacked=True,
        )
    )


def _time(board: Dashboard) -> None:
    board.with_row(row("Time"))
    board.with_panel(
        graph(
            "Reviews",
            "From a review's arrival to its answer. The points are traces.",
            *(
                Query(
                    quantile(at, c.REQUEST_SECONDS, where=REVIEW),
                    f"p{at * 100:g}",
                    exemplars=at > 0.9,
                )
                for at in (0.5, 0.95, 0.99)
            ),
            unit="s",
        )
    )
    board.with_panel(
        graph(
            "Stages, p95",
            "95 of 100 ads spend at most this time in a stage.",
            Query(quantile(0.95, c.STAGE_SECONDS, "stage"), "{{stage}}", exemplars=True),
            unit="s",
        )
    )
    rooms = {"stage": "=~gateway|encoder|library|judge|ledger"}
    board.with_panel(
        graph(
            "An ad's time, on average",
            "The stages one above the other. Ads that skip the judge do not count in its mean.",
            Query(mean(c.STAGE_SECONDS, "stage", where=rooms), "{{stage}}"),
            unit="s",
            stacked=True,
        )
    )


def _rooms(board: Dashboard) -> None:
    board.with_row(row("Rooms"))
    board.with_panel(
        graph(
            "Queues",
            "Items that wait for a batch.",
            Query(total(c.QUEUE_DEPTH, "instance", "queue"), "{{instance}} {{queue}}"),
        )
    )
    board.with_panel(
        graph(
            "Batches a second",
            "How often each room works on a batch.",
            Query(count(c.BATCH_SIZE, "instance", "queue"), "{{instance}} {{queue}}"),
            unit="ops",
        )
    )
    board.with_panel(
        graph(
            "Restarts",
            "Rooms that the supervisor has started again, since the service started.",
            Query(newest(c.ROOM_RESTARTS, "room", "reason"), "{{room}} {{reason}}"),
        )
    )
    board.with_panel(rows("Alerts", "What fires now.", Query('ALERTS{alertstate="firing"}')))
    board.with_panel(rows("Versions", "What each room has in force.", Query(series_of_versions())))


def _machine(board: Dashboard) -> None:
    board.with_row(row("Machine"))
    board.with_panel(
        graph(
            "CPU",
            "Of each process; 1 is one core.",
            Query(newest(c.PROCESS_CPU, "instance"), "{{instance}}"),
        )
    )
    board.with_panel(
        graph(
            "Memory",
            "Resident memory of each process.",
            Query(newest(c.PROCESS_MEMORY, "instance"), "{{instance}}"),
            unit="bytes",
        )
    )
    board.with_panel(
        graph(
            "Disk",
            "The disk of the database.",
            Query(newest(c.DISK, "system.filesystem.state"), "{{system_filesystem_state}}"),
            unit="bytes",
            stacked=True,
        )
    )


def series_of_versions() -> str:
    """One series for each version in force in a room."""
    return newest(c.VERSION, "instance", "kind", "version")


def _or_zero(expression: str) -> str:
    return f"({expression}) or vector(0)"
