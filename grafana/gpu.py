"""GPUs, and the processes on them. Empty where there is no NVIDIA driver."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from executors.shared.telemetry import catalogue as c
from grafana.panels import Query, graph, row, sheet
from grafana.promql import count, mean, newest


def gpu() -> Dashboard:
    """`adjudicate-gpu`."""
    board = sheet("adjudicate-gpu", "Adjudicate / GPU", "GPUs by NVML, and the rooms' processes.")
    board.with_row(row("GPU"))
    name = "hw.id"
    used, limit = newest(c.GPU_MEMORY_USAGE, name), newest(c.GPU_MEMORY_LIMIT, name)
    for panel in (
        graph(
            "Utilization",
            "Share of the time that a GPU was busy.",
            Query(newest(c.GPU_UTILIZATION, name), "{{hw_id}}"),
            unit="percentunit",
            most=1,
            width=12,
        ),
        graph(
            "Temperature",
            "From 85 °C on most slow down.",
            Query(newest(c.GPU_TEMPERATURE, name), "{{hw_id}}"),
            unit="celsius",
            lines=(80, 85),
            width=12,
        ),
        graph(
            "Memory",
            "In use.",
            Query(used, "{{hw_id}}"),
            unit="bytes",
            width=12,
        ),
        graph(
            "Memory, share",
            "In use, of the GPU's.",
            Query(f"{used} / {limit}", "{{hw_id}}"),
            unit="percentunit",
            lines=(0.9, 0.97),
            most=1,
            width=12,
        ),
    ):
        board.with_panel(panel)
    _with_work(board)
    return board


def _with_work(board: Dashboard) -> None:
    board.with_row(row("What works on them"))
    for panel in (
        graph(
            "Batches a second",
            "Of each room.",
            Query(count(c.BATCH_SIZE, "instance", "queue"), "{{instance}} {{queue}}"),
            unit="ops",
        ),
        graph(
            "One batch at work",
            "On average.",
            Query(mean(c.BATCH_SECONDS, "instance", "queue"), "{{instance}} {{queue}}"),
            unit="s",
        ),
        graph(
            "CPU",
            "Of each process; 1 is one core.",
            Query(newest(c.PROCESS_CPU, "instance"), "{{instance}}"),
        ),
    ):
        board.with_panel(panel)
