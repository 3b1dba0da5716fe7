"""Plans, bills and figures as tables, and as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from adjudicate.capacity.figures import Figures
from adjudicate.capacity.limits import Limit
from adjudicate.capacity.money import Bill
from adjudicate.capacity.plan import Plan

if TYPE_CHECKING:
    from rich.table import Table

POOLS = {"cpu": "nodes", "encoder_gpu": "encoder's nodes", "judge_gpu": "judge's nodes"}
POSITIONS = {
    "cpu_node_hour": "nodes without GPU",
    "encoder_gpu_node_hour": "encoder's nodes",
    "judge_gpu_node_hour": "judge's nodes",
    "database_vcpu_hour": "database, vCPUs",
    "database_gb_month": "database, storage",
    "redis_gib_hour": "Redis",
    "cross_zone_gb": "traffic between zones",
    "load_balancer_hour": "load balancers",
    "control_plane_hour": "Kubernetes' control plane",
}
NOT_PRICED = "no price"

Lines = Iterator[tuple[str, list[str]]]


def plan_table(plans: Sequence[Plan]) -> Table:
    """A column for each plan."""
    return _table("at the peak", plans, _plan_lines(plans))


def bill_table(plans: Sequence[Plan], bills: Sequence[Bill]) -> Table:
    """What a month of each plan costs."""
    return _table(f"a month, {bills[0].currency}", plans, _bill_lines(bills))


def limits_table(found: Sequence[Limit]) -> Table:
    """Where each part ends."""
    from rich import box
    from rich.table import Table

    table = Table("part", "ends at", "then", box=box.SIMPLE)
    table.columns[1].justify = "right"
    for one in found:
        table.add_row(one.part, f"{_number(one.ads_per_s)} ads/s", one.then)
    return table


def figures_table(figures: Figures) -> Table:
    """Every figure, how it is known, and its source."""
    from rich import box
    from rich.table import Table

    table = Table("figure", "value", "", "known", "what, and from where", box=box.SIMPLE)
    table.columns[1].justify = "right"
    for name in figures:
        one = figures.of(name)
        table.add_row(name, f"{one.value:g}", one.unit, one.kind, f"{one.means}; {one.source}")
    return table


def as_json(plan: Plan, bill: Bill | None) -> dict[str, Any]:
    """A plan and its bill as plain data."""
    return {**asdict(plan), "money": None if bill is None else asdict(bill)}


def _plan_lines(plans: Sequence[Plan]) -> Lines:
    yield "judged, ads/s", [_number(plan.judged_per_s) for plan in plans]
    yield "services, a database each", [_cells(plan) for plan in plans]
    for room in plans[0].rooms:
        yield (
            f"{room}: replicas, cores",
            [f"{plan.rooms[room].replicas:,}, {_number(plan.rooms[room].cores)}" for plan in plans],
        )
    for pool in (pool for pool in POOLS if pool in plans[0].nodes):
        shape = plans[0].nodes[pool]
        beside = f"{shape.gpus} GPU" if shape.gpus else f"{shape.memory_gib:g} GiB"
        yield (
            f"{POOLS[pool]}, {shape.vcpu:g} vCPU {beside}",
            [f"{plan.nodes[pool].count:,} ({plan.nodes[pool].bound})" for plan in plans],
        )
    yield "PostgreSQL, vCPUs", [_number(plan.database.vcpu) for plan in plans]
    yield "PostgreSQL, most connections", [f"{plan.database.connections:,}" for plan in plans]
    yield "PostgreSQL, GB kept", [_number(plan.database.stored_gb) for plan in plans]
    yield "Redis, GiB of verdicts", [_number(plan.redis_gib) for plan in plans]
    yield "from clients, Gbit/s", [_number(plan.network.in_gbit_s) for plan in plans]
    yield "between zones, GB a month", [_number(plan.network.cross_zone_gb_month) for plan in plans]


def _bill_lines(bills: Sequence[Bill]) -> Lines:
    for number, line in enumerate(bills[0].lines):
        yield POSITIONS[line.what], [_money(bill.lines[number].month) for bill in bills]
    yield "all that has a price", [_money(bill.month) for bill in bills]
    yield "of these, for a million ads", [f"{bill.per_million_ads:,.2f}" for bill in bills]


def _table(title: str, plans: Sequence[Plan], lines: Lines) -> Table:
    from rich import box
    from rich.table import Table

    heads = [f"{plan.ads_per_s:,g} ads/s" for plan in plans]
    table = Table(title, *heads, box=box.SIMPLE)
    for column in table.columns[1:]:
        column.justify = "right"
    for what, cells in lines:
        table.add_row(what, *cells)
    return table


def _cells(plan: Plan) -> str:
    return f"{plan.cells:,} ({plan.cells_bound})" if plan.cells_bound else f"{plan.cells:,}"


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _money(month: float | None) -> str:
    return NOT_PRICED if month is None else f"{month:,.0f}"
