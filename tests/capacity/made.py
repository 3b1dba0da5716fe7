"""Figures with which a plan can be worked out in the head."""

from __future__ import annotations

from adjudicate.capacity.figures import Figures, shipped

PLAIN = {
    "workload.picture_bytes": 100_000,
    "workload.flagged_share": 0.1,
    "workload.audit_share": 0,
    "workload.cached_share": 0,
    "plan.utilisation": 0.5,
    "plan.node_share": 1,
    "plan.mean_share": 1,
    "plan.zones": 2,
    "plan.retention_days": 1,
    "gateway.cpu_ms": 1,
    "gateway.memory_gib": 1,
    "encoder.cpu_ms": 1,
    "encoder.picture_ms": 3,
    "encoder.gpu_ms": 5,
    "library.cpu_ms": 1,
    "library.search_ms": 4,
    "library.exemplars": 1_000_000,
    "library.scans_per_ad": 1,
    "library.vectors_per_exemplar": 1,
    "library.dimension": 512,
    "library.memory_gib": 1,
    "judge.cpu_ms": 0,
    "judge.picture_ms": 10,
    "judge.gpu_ms": 100,
    "ledger.cpu_ms": 2,
    "ledger.memory_gib": 1,
    "database.cpu_ms": 0.5,
    "database.row_bytes": 1_000,
    "database.judged_row_bytes": 2_000,
    "database.exemplar_bytes": 0,
    "database.pool": 10,
    "redis.verdict_bytes": 1_024,
    "redis.ttl_days": 1,
    "network.request_bytes": 0,
    "network.answer_bytes": 1_000,
    "network.inner_bytes": 20_000,
    "network.judged_pictures": 3,
}


def figures(**changes: float) -> Figures:
    """The plain ones with changes, whose dots are written `__`."""
    given = PLAIN | {name.replace("__", "."): value for name, value in changes.items()}
    return shipped().replaced({name: (value, "test") for name, value in given.items()})
