"""What serving costs: CPU ms per image through gRPC, beside the bare loop of the same model.

The room alone answers `/embed`; the whole Flow answers `/review`, screening included, with nothing
flagged. Rounds are interleaved, each ratio is of one round, and the median round counts. The
client's CPU is not counted.
"""

from __future__ import annotations

import csv
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from adjudicate import Client, Exemplar
from benchmarks._bare import Bare, Stock, save_random
from benchmarks._photos import photos
from benchmarks._served import BATCH, CONCURRENCY, Target, embed, review
from benchmarks._servers import Server, free_ports
from benchmarks.rows import Row, median_ratio, row
from executors.shared.settings import ROOT

PHOTOS = 192
ROUNDS = 3
LOADS = (*(f"concurrency {n}" for n in CONCURRENCY), f"batches of {BATCH}")
BARS = {"encoder room": "<= 1.15", "whole Flow": "<= 1.5"}
BAR_LOAD = "concurrency 32"
THRESHOLDS = "default: { image: 1.0, text: 1.0 }\n"
"""Random weights find all photos alike: nothing but a copy is to be flagged."""


def run() -> list[Row]:
    """Rows of the CPU, then, where there is one, of the GPU."""
    with tempfile.TemporaryDirectory() as folder:
        rows = _on_the_cpu(Path(folder))
    if torch.cuda.is_available():
        from benchmarks._encoder_gpu import on_the_gpu

        rows += on_the_gpu()
    return rows


def _on_the_cpu(folder: Path) -> list[Row]:
    model = save_random(folder / "vit-b-32", "ViT-B-32")
    images = photos(PHOTOS)
    bare, stock = Bare(model), Stock(model)
    loops: dict[str, list[float]] = {"bare": [], "stock": []}
    with ExitStack() as stack:
        targets = _targets(folder, model, stack)
        for target in targets.values():
            target.warm(images)
        for _ in range(ROUNDS):
            loops["bare"].append(bare.measure(images[: PHOTOS // 2]))
            for target in targets.values():
                target.measure(images)
            loops["stock"].append(stock.measure(images[: PHOTOS // 6]))
    rows = [
        row(
            f"bare loop, {bare.encoder.precision}, batch {BATCH}", _middle(loops["bare"]), "CPU ms"
        ),
        row(f"bare loop, fp32, full decode, batch {BATCH}", _middle(loops["stock"]), "ms"),
    ]
    for name, target in targets.items():
        rows += _rows_of(name, target, loops)
    return rows


def _rows_of(name: str, target: Target, loops: dict[str, list[float]]) -> list[Row]:
    rows = []
    for load in LOADS:
        cost = target.cost[load]
        bar = BARS[name] if load == BAR_LOAD else ""
        rows += [
            row(f"{name}, {load}", _middle(cost), "CPU ms an image"),
            row(f"{name}, {load}: images", _middle(target.rate[load]), "per second"),
            row(f"{name}, {load}: of the bare loop's", median_ratio(cost, loops["bare"]), "x", bar),
        ]
    cheaper = median_ratio(loops["stock"], target.cost[BAR_LOAD])
    return [*rows, row(f"{name}, {BAR_LOAD}: fp32 full-decode loop's cost of it", cheaper, "x")]


def _targets(folder: Path, model: Path, stack: ExitStack) -> dict[str, Target]:
    thresholds = folder / "thresholds.yaml"
    thresholds.write_text(THRESHOLDS)
    ports = free_ports(4)
    settings = {
        "ADJUDICATE_ENCODER__MODEL": str(model),
        "ADJUDICATE_ENCODER__DEVICE": "cpu",
        "ADJUDICATE_JUDGE__DEVICE": "cpu",
        "ADJUDICATE_LIBRARY__THRESHOLDS": str(thresholds),
        "ADJUDICATE_LIBRARY__NEAR_DUPLICATE": "1.0",
        # An ad of the audit sample costs a judge's pass, which is not the screen's cost.
        "ADJUDICATE_LIBRARY__AUDIT_SHARE": "0",
        "ADJUDICATE_DATABASE": f"sqlite:///{folder / 'bench.db'}",
        "ADJUDICATE_ACCESS__MODE": "open",
        "ADJUDICATE_GATEWAY__GRPC_PORT": str(ports[1]),
        "ADJUDICATE_GATEWAY__HTTP_PORT": str(ports[2]),
        "ADJUDICATE_GATEWAY__WEBSOCKET_PORT": str(ports[3]),
    }
    config = ROOT / "executors" / "encoder" / "config.yml"
    alone = ("jina", "executor", "--uses", str(config), "--port", str(ports[0]))
    room = stack.enter_context(Server(alone, settings, folder / "room.log"))
    flow = stack.enter_context(Server(("adjudicate", "up"), settings, folder / "flow.log"))
    targets = {
        "encoder room": Target(room, ports[0], embed),
        "whole Flow": Target(flow, ports[1], review),
    }
    targets["whole Flow"].wait()
    with Client(f"grpc://localhost:{ports[1]}") as client:
        held = client.library.add(_exemplars())
    assert not [exemplar.problem for exemplar in held if exemplar.problem]
    return targets


def _exemplars() -> list[Exemplar]:
    folder = ROOT / "samples" / "exemplars"
    with (folder / "exemplars.csv").open(newline="", encoding="utf-8") as listing:
        rows = [line for line in csv.DictReader(listing) if line["file"]]
    return [
        Exemplar(
            image=(folder / line["file"]).read_bytes(), category=line["category"], rule=line["rule"]
        )
        for line in rows
    ]


def _middle(values: Sequence[float]) -> float:
    return statistics.median(values)
