"""At which load each part ends, and what is done then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adjudicate.capacity.figures import Figures
from adjudicate.capacity.plan import DAY_S, POOLED, row_bytes
from adjudicate.capacity.rooms import cpu_ms, judged_share, on_gpus

NEVER = float("inf")


@dataclass(frozen=True)
class Limit:
    """One part, alone and fully busy; `ads_per_s` is the load of the whole service."""

    part: str
    ads_per_s: float
    then: str


def limits(figures: Figures) -> list[Limit]:
    """The lowest first. A part that costs nothing ends nowhere and is left out."""
    found = [*_of_rooms(figures), *_of_databases(figures)]
    ending = [one for one in found if one.ads_per_s < NEVER]
    return sorted(ending, key=lambda one: one.ads_per_s)


def _of_rooms(figures: Figures) -> Iterator[Limit]:
    for room in ("gateway", "library", "ledger"):
        ends = figures[f"{room}.cores"] * _per_core(cpu_ms(room, figures))
        more = "more replicas, on PostgreSQL" if room != "gateway" else "more replicas"
        yield Limit(f"one {room}", ends, more)
    for room, share in (("encoder", 1.0), ("judge", judged_share(figures))):
        busy = cpu_ms(room, figures) * share
        if on_gpus(room, figures):
            card = _per_core(figures[f"{room}.gpu_ms"] * share)
            yield Limit(f"one card of the {room}", card, "more cards")
            beside = figures[f"{room}_node.vcpu"] * figures["plan.node_share"]
            ends = beside * _per_core(busy)
            yield Limit(f"CPU of one {room} node", ends, "more CPU beside each card")
        else:
            yield Limit(f"one {room}", figures[f"{room}.cores"] * _per_core(busy), "more replicas")


def _of_databases(figures: Figures) -> Iterator[Limit]:
    yield Limit("SQLite's one writer", figures["ledger.sqlite_per_s"], "PostgreSQL")
    free = figures["plan.utilisation"]
    vcpu = figures["database.most_vcpu"] * free * _per_core(figures["database.cpu_ms"])
    yield Limit("PostgreSQL: vCPUs", vcpu, "another service")
    kept_s = figures["plan.mean_share"] * figures["plan.retention_days"] * DAY_S
    a_second = kept_s * row_bytes(figures)
    stored = figures["database.most_gb"] * 1e9 / a_second if a_second else NEVER
    yield Limit("PostgreSQL: storage", stored, "fewer days, or another service")
    replicas = figures["database.most_connections"] / figures["database.pool"]
    cores = sum(cpu_ms(room, figures) / figures[f"{room}.cores"] for room in POOLED) / 1_000
    ends = replicas * free / cores if cores else NEVER
    yield Limit("PostgreSQL: connections", ends, "a pooler, or another service")


def _per_core(ms: float) -> float:
    return 1_000 / ms if ms else NEVER
