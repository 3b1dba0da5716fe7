"""The memory that a batch of the judge takes: predicted before it runs, and measured.

Admission fills batches by the prediction, so both errors cost: too low and the memory runs out,
too high and it lies idle. The shipped model and two with random weights, each batch in a fresh
process (see `_resident.py`); on a GPU also there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks._peak import Case, Peak, measured_apart
from benchmarks._random_judge import MID, random_judge
from benchmarks.rows import Row, row
from executors.shared.settings import load_settings

WIDE = {
    "text": {"hidden_size": 896, "intermediate_size": 2432, "num_hidden_layers": 6},
    "heads": (14, 2),
    "vision": {"depth": 4, "embed_dim": 640, "num_heads": 8},
}
"""Layers as wide as those of a 0.5 B model, and few of them."""

_NEW_TOKENS = 48
_LEAST = 50 * 2**20
"""Bytes below which allocators and libraries count for as much as the batch."""


def run() -> list[Row]:
    """Each case's ratio, and the worst of them both ways."""
    with tempfile.TemporaryDirectory() as folder:
        mid, wide = Path(folder) / "mid", Path(folder) / "wide"
        for path, sizes in ((mid, MID), (wide, WIDE)):
            path.mkdir()
            random_judge(path, sizes, side=None, max_new_tokens=_NEW_TOKENS)
        cases = on_a_cpu(load_settings().judge.model, str(mid), str(wide))
        rows = _rows("CPU", cases)
        if torch.cuda.is_available():
            rows += _rows("GPU", on_a_gpu(cases))
    return rows


def on_a_cpu(shipped: str, mid: str, wide: str) -> list[Case]:
    """Grids, rows, prompts, answers, both kinds of attention, and both precisions."""
    ads = ((168, 20),) * 64
    pictures, mixed = ((448, 20),) * 8, ((896, 20), (448, 60), (0, 120), (224, 20)) * 2
    answered, eager = ((224, 20),) * 24, ((700, 20),) * 2
    return [
        Case("shipped, verdicts", shipped, ads),
        Case("shipped, answers", shipped, ads, written=True),
        Case("wide, pictures", wide, pictures),
        Case("wide, one large picture", wide, ((1400, 20),)),
        Case("wide, mixed ads", wide, mixed),
        Case("wide, copy alone", wide, ((0, 80),) * 16),
        Case("wide, fresh prefix", wide, ((0, 20),) * 2, rules=40, fresh_prefix=True),
        Case("wide, answers", wide, answered, rules=24, written=True),
        Case("wide, eager, pictures", wide, eager, attention="eager"),
        Case("wide, eager, long copy", wide, ((0, 300),) * 4, attention="eager"),
        Case("wide, bf16, pictures", wide, pictures, precision="bf16"),
        Case("wide, bf16, answers", wide, answered, precision="bf16", written=True),
        Case("wide, bf16, eager, pictures", wide, eager, precision="bf16", attention="eager"),
        Case("mid, pictures", mid, ((448, 20),) * 8),
        Case("mid, answers", mid, ((224, 40),) * 32, written=True),
    ]


def on_a_gpu(cases: Sequence[Case]) -> list[Case]:
    """The same on a GPU."""
    return [replace(case, device="cuda") for case in cases]


def _rows(where: str, cases: Sequence[Case]) -> list[Row]:
    peaks = [(case, measured_apart(case)) for case in cases]
    large = [peak.ratio for _, peak in peaks if peak.measured >= _LEAST]
    return [
        *(_row(where, case, peak) for case, peak in peaks),
        row(f"{where}: batches above 50 MiB", len(large), "of " + str(len(peaks))),
        row(f"{where}: predicted too much, worst", max(large), "x measured", "<= 1.3"),
        row(f"{where}: predicted too little, worst", 1 / min(large), "x predicted", "<= 1.3"),
    ]


def _row(where: str, case: Case, peak: Peak) -> Row:
    return row(
        f"{where}: {case.name}, {peak.measured / 2**20:.0f} MiB", peak.ratio, "predicted / measured"
    )
