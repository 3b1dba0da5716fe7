"""Rows that several rooms' dashboards have."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from executors.shared.telemetry import catalogue as c
from grafana.panels import Query, graph, heat, row, rows
from grafana.promql import buckets, count, mean, newest, quantile, rate, share, total


def of_room(room: str) -> dict[str, str]:
    """The processes of a room."""
    return {"instance": f"=~{room}/.+"}


def with_stages(board: Dashboard, room: str) -> None:
    """A row: an ad's time in the room's stages."""
    board.with_row(row("Stages"))
    where = {"stage": f"=~{room}.*"}
    for at in (0.5, 0.95, 0.99):
        board.with_panel(
            graph(
                f"Stages, p{at * 100:g}",
                f"An ad's time in the {room} and in each of its steps.",
                Query(
                    quantile(at, c.STAGE_SECONDS, "stage", where=where),
                    "{{stage}}",
                    exemplars=at > 0.9,
                ),
                unit="s",
            )
        )


def with_batches(board: Dashboard, room: str) -> None:
    """A row: sizes, waits and work of the room's batches, and its model."""
    board.with_row(row("Batches"))
    where = of_room(room)
    for panel in (
        graph(
            "Size",
            "Items in a batch, on average.",
            Query(mean(c.BATCH_SIZE, "instance", "queue", where=where), "{{instance}} {{queue}}"),
        ),
        graph(
            "Wait",
            "An item's wait for its batch.",
            Query(quantile(0.5, c.BATCH_WAIT, "queue", where=where), "{{queue}} p50"),
            Query(quantile(0.95, c.BATCH_WAIT, "queue", where=where), "{{queue}} p95"),
            unit="s",
        ),
        graph(
            "Work",
            "One batch at work.",
            Query(quantile(0.5, c.BATCH_SECONDS, "queue", where=where), "{{queue}} p50"),
            Query(quantile(0.95, c.BATCH_SECONDS, "queue", where=where), "{{queue}} p95"),
            unit="s",
        ),
        graph(
            "Queue",
            "Items that wait for a batch.",
            Query(total(c.QUEUE_DEPTH, "instance", "queue", where=where), "{{instance}} {{queue}}"),
        ),
        graph(
            "Batches a second",
            "All replicas.",
            Query(count(c.BATCH_SIZE, "instance", "queue", where=where), "{{instance}} {{queue}}"),
            unit="ops",
        ),
        graph(
            "Loading the model",
            "How long it took when the room started or the model was changed.",
            Query(
                newest(c.MODEL_LOAD_SECONDS, "instance", "model", where=where),
                "{{instance}} {{model}}",
            ),
            unit="s",
        ),
    ):
        board.with_panel(panel)


def with_caches(board: Dashboard, room: str) -> None:
    """A row: the room's caches."""
    board.with_row(row("Caches"))
    where = of_room(room)
    board.with_panel(
        graph(
            "Look-ups",
            "A second, by cache and result.",
            Query(rate(c.CACHE_LOOKUPS, "cache", "result", where=where), "{{cache}} {{result}}"),
            unit="ops",
            width=12,
        )
    )
    hits = rate(c.CACHE_LOOKUPS, "cache", where={**where, "result": "hit"})
    board.with_panel(
        graph(
            "Hit rate",
            "Share of the look-ups that found something.",
            Query(share(hits, rate(c.CACHE_LOOKUPS, "cache", where=where)), "{{cache}}"),
            unit="percentunit",
            most=1,
            width=12,
        )
    )


def with_sql(board: Dashboard, room: str) -> None:
    """A row: the room's SQL statements."""
    board.with_row(row("SQL"))
    where = of_room(room)
    operation, legend = "db.operation.name", "{{db_operation_name}}"
    for panel in (
        graph(
            "Statements a second",
            "By operation.",
            Query(count(c.SQL_SECONDS, operation, where=where), legend),
            unit="ops",
        ),
        graph(
            "Statements, p95",
            "95 of 100 statements take at most this time.",
            Query(quantile(0.95, c.SQL_SECONDS, operation, where=where), legend),
            unit="s",
        ),
        heat(
            "Time of statements",
            "How they are spread.",
            buckets(c.SQL_SECONDS, where),
            unit="s",
        ),
    ):
        board.with_panel(panel)


def with_process(board: Dashboard, room: str) -> Dashboard:
    """A row: the room's processes, and what they have in force. Returns the board."""
    board.with_row(row("Process"))
    where = of_room(room)
    for panel in (
        graph(
            "CPU",
            "1 is one core.",
            Query(newest(c.PROCESS_CPU, "instance", where=where), "{{instance}}"),
            width=6,
        ),
        graph(
            "Memory",
            "Resident.",
            Query(newest(c.PROCESS_MEMORY, "instance", where=where), "{{instance}}"),
            unit="bytes",
            width=6,
        ),
        graph(
            "Open files",
            "And sockets.",
            Query(newest(c.PROCESS_FILES, "instance", where=where), "{{instance}}"),
            width=6,
        ),
        graph(
            "Exports lost",
            "Traces and metrics a second that did not reach the collector.",
            Query(
                rate(c.EXPORT_FAILURES, "instance", "signal", where=where),
                "{{instance}} {{signal}}",
            ),
            unit="ops",
            width=6,
        ),
    ):
        board.with_panel(panel)
    if room in ("encoder", "library", "judge"):
        versions = newest(c.VERSION, "instance", "kind", "version", where=where)
        board.with_panel(rows("Versions", "In force.", Query(versions), width=24))
    return board
