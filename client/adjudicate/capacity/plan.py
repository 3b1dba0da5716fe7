"""From a load to replicas, nodes and bytes. docs/capacity.md has the formulas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from math import ceil

from adjudicate.capacity.figures import Figures
from adjudicate.capacity.rooms import (
    GIB,
    ROOMS,
    Nodes,
    Room,
    busy,
    cpu_nodes,
    cpu_room,
    gpu_room,
    judged_share,
    on_gpus,
)

HOURS = 730
"""Of a month, as clouds bill it."""
DAY_S = 86_400
POOLED = ("gateway", "library", "ledger")
"""Rooms that have connections to the database."""
MOST_ADS_PER_S = 1e7
"""More is a slip of the keyboard."""


@dataclass(frozen=True)
class Database:
    """PostgreSQL. Of several cells: all of them together."""

    vcpu: float
    connections: int
    """At the most: all that the rooms' pools may open."""
    stored_gb: float
    """After `plan.retention_days`, at the mean load."""

    def times(self, cells: int) -> Database:
        """As often."""
        return Database(self.vcpu * cells, self.connections * cells, self.stored_gb * cells)


@dataclass(frozen=True)
class Network:
    """At the peak, and in a month at the mean load."""

    in_gbit_s: float
    in_gb_month: float
    out_gb_month: float
    inner_gb_month: float
    """Between the rooms."""
    cross_zone_gb_month: float
    """Of these, where replicas are chosen without regard to their zone."""


@dataclass(frozen=True)
class Plan:
    """What `ads_per_s` need at their peak; all quantities are of all cells together."""

    ads_per_s: float
    judged_per_s: float
    cells: int
    """Independent services, each with a database of its own."""
    cells_bound: str
    """What a cell less would have too little of; empty for one cell."""
    rooms: Mapping[str, Room]
    nodes: Mapping[str, Nodes]
    """`cpu`, and `encoder_gpu` and `judge_gpu` where these rooms have GPUs."""
    database: Database
    redis_gib: float
    network: Network
    ads_month: float


@dataclass(frozen=True)
class _Cell:
    rooms: dict[str, Room]
    nodes: dict[str, Nodes]
    database: Database


def plan(ads_per_s: float, figures: Figures) -> Plan:
    """The plan for a peak of so many ads a second.

    Raises `ValueError` for a load that is none, and where not even one ad a second would fit.
    """
    if not 0 < ads_per_s <= MOST_ADS_PER_S:
        raise ValueError(f"ads a second: above 0, up to {MOST_ADS_PER_S:,.0f}; not {ads_per_s:g}.")
    if over := _over(_cell(min(ads_per_s, 1.0), figures), figures):
        raise ValueError(f"one database's {over} do not suffice for one ad a second.")
    bound = ""
    for cells in count(1):
        cell = _cell(ads_per_s / cells, figures)
        if not (over := _over(cell, figures)):
            break
        bound = over
    mean = ads_per_s * figures["plan.mean_share"]
    judged = judged_share(figures)
    kept_s = figures["redis.ttl_days"] * DAY_S
    return Plan(
        ads_per_s=ads_per_s,
        judged_per_s=ads_per_s * judged,
        cells=cells,
        cells_bound=bound,
        rooms={name: room.times(cells) for name, room in cell.rooms.items()},
        nodes={pool: nodes.times(cells) for pool, nodes in cell.nodes.items()},
        database=cell.database.times(cells),
        redis_gib=mean * judged * kept_s * figures["redis.verdict_bytes"] / GIB,
        network=_network(ads_per_s, mean, figures),
        ads_month=mean * HOURS * 3_600,
    )


def _cell(rate: float, figures: Figures) -> _Cell:
    rooms: dict[str, Room] = {}
    nodes: dict[str, Nodes] = {}
    for name in ROOMS:
        if on_gpus(name, figures):
            rooms[name], nodes[f"{name}_gpu"] = gpu_room(name, rate, figures)
        else:
            rooms[name] = cpu_room(name, rate, figures)
    nodes = {"cpu": cpu_nodes((one for one in rooms.values() if not one.gpus), figures), **nodes}
    return _Cell(rooms, nodes, _database(rate, rooms, figures))


def row_bytes(figures: Figures) -> float:
    """What stays of an ad, on average."""
    judged = judged_share(figures)
    plain = figures["database.row_bytes"] * (1 - judged)
    return plain + figures["database.judged_row_bytes"] * judged


def _database(rate: float, rooms: Mapping[str, Room], figures: Figures) -> Database:
    kept = rate * figures["plan.mean_share"] * DAY_S * figures["plan.retention_days"]
    exemplar = figures["workload.picture_bytes"] + figures["database.exemplar_bytes"]
    opened = sum(rooms[name].replicas for name in POOLED)
    return Database(
        vcpu=busy(rate, figures["database.cpu_ms"], figures),
        connections=ceil(opened * figures["database.pool"]),
        stored_gb=(kept * row_bytes(figures) + figures["library.exemplars"] * exemplar) / 1e9,
    )


def _over(cell: _Cell, figures: Figures) -> str:
    """The limit of one database that a cell passes, or nothing."""
    return next(_passed(cell.database, figures), "")


def _passed(database: Database, figures: Figures) -> Iterator[str]:
    for what, needed, most in (
        ("vCPUs", database.vcpu, "database.most_vcpu"),
        ("storage", database.stored_gb, "database.most_gb"),
        ("connections", database.connections, "database.most_connections"),
    ):
        if needed > figures[most]:
            yield what


def _network(peak: float, mean: float, figures: Figures) -> Network:
    picture = figures["workload.picture_bytes"]
    sent = picture + figures["network.request_bytes"]
    judged = judged_share(figures) * figures["network.judged_pictures"]
    inner = picture * (1 + judged) + figures["network.inner_bytes"]
    month_gb = mean * HOURS * 3_600 / 1e9
    zones = figures["plan.zones"]
    return Network(
        in_gbit_s=peak * sent * 8 / 1e9,
        in_gb_month=month_gb * sent,
        out_gb_month=month_gb * figures["network.answer_bytes"],
        inner_gb_month=month_gb * inner,
        cross_zone_gb_month=month_gb * inner * (zones - 1) / zones,
    )
