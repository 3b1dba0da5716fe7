"""Search of the library: exact and IVF beside FAISS and Qdrant's client, on the same vectors.

One thread each. Every engine answers the same question: all exemplars at or above the floor. The
rounds are interleaved, and a figure is the median of its rounds in CPU time, which other work on
the machine does not enter.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks import _engines as engines
from benchmarks._engines import Engine
from benchmarks._vectors import Truth, Vectors, ads, library, truth
from benchmarks.rows import Row, row

FLOOR = 0.8
BATCH = 32
ROUNDS = 7
SINGLES = 7
"""Single queries in a round."""
SLOW_ROUNDS = 2
"""Of Qdrant's local mode, which takes seconds for a batch; its recall is that of one batch."""
Figures = dict[str, dict[str, float]]


def run() -> list[Row]:
    """10,000, 100,000 and 1,000,000 vectors of 512 dimensions."""
    engines.one_thread()
    rows: list[Row] = []
    for count, queries in ((10_000, 256), (100_000, 256), (1_000_000, 96)):
        started = time.perf_counter()
        rows += _at(count, queries)
        rows.append(row(f"{_size(count)}: all of it", time.perf_counter() - started, "s"))
        gc.collect()
    return rows


def _at(count: int, number: int) -> list[Row]:
    parts = list(library(count))
    rng = np.random.default_rng(2)
    members = np.concatenate(
        [part[rng.choice(len(part), number // len(parts) + 1)] for part in parts]
    )
    queries = ads(rng.permutation(members)[:number])
    expected = truth(parts, queries, FLOOR)
    rows = [row(f"{_size(count)}: hits a query", expected.count / number)]
    figures: Figures = {}
    # Not all at once: a million vectors are 2 GB each time that they are held.
    for group in _groups(count):
        figures |= _built_and_measured(group, parts, queries, expected)
        gc.collect()
    for name, values in figures.items():
        rows += _rows(count, name, values)
    return rows + _ratios(count, figures)


def _groups(count: int) -> list[list[Callable[[], Engine]]]:
    def ours() -> Engine:
        return engines.ivf(count)

    def theirs() -> Engine:
        return engines.faiss_ivf(count)

    flat = [engines.exact, engines.faiss_flat]
    if count >= 1_000_000:
        # Qdrant's client in local mode holds every point as Python objects: a million is no use
        # of it.
        return [flat, [ours], [theirs]]
    return [flat, [ours, theirs, engines.Qdrant]]


def _built_and_measured(
    group: Sequence[Callable[[], Engine]], parts: list[Vectors], queries: Vectors, expected: Truth
) -> Figures:
    figures: Figures = {}
    made = [make() for make in group]
    for engine in made:
        seconds, megabytes = engines.built(engine, parts)
        figures[engine.name] = {"build": seconds, "memory": megabytes}
    for flat in [one for one in made if one.name == "FAISS Flat"]:
        made.append(engines.faiss_flat_tuned(flat))
        figures[made[-1].name] = {}
    _measure(made, queries, expected, figures)
    return figures


def _measure(made: Sequence[Engine], queries: Vectors, expected: Truth, figures: Figures) -> None:
    singles: dict[str, list[float]] = {engine.name: [] for engine in made}
    batches: dict[str, list[float]] = {engine.name: [] for engine in made}
    for engine in made:
        _score(engine, queries, expected, figures[engine.name])
    for turn in range(ROUNDS):
        for engine in made:
            if isinstance(engine, engines.Qdrant) and turn >= SLOW_ROUNDS:
                continue
            for single in range(SINGLES):
                at = (turn * SINGLES + single) % len(queries)
                singles[engine.name].append(_cpu_s(engine, queries[at : at + 1]))
            at = turn * BATCH % (len(queries) - BATCH + 1)
            batches[engine.name].append(_cpu_s(engine, queries[at : at + BATCH]))
    for engine in made:
        figures[engine.name]["p50"] = 1_000 * statistics.median(singles[engine.name])
        figures[engine.name]["batch"] = BATCH / statistics.median(batches[engine.name])


def _score(engine: Engine, queries: Vectors, expected: Truth, figures: dict[str, float]) -> None:
    number = BATCH if isinstance(engine, engines.Qdrant) else len(queries)
    found = [
        rows
        for start in range(0, number, BATCH)
        for rows in engine.search(queries[start : start + BATCH], FLOOR)
    ]
    pairs = list(zip(found, expected.rows[:number], strict=True))
    figures["recall"] = sum(len(a & b) for a, b in pairs) / sum(len(b) for _, b in pairs)
    figures["invented"] = sum(len(a - b) for a, b in pairs)


def _cpu_s(engine: Engine, queries: Vectors) -> float:
    started = time.thread_time()
    engine.search(queries, FLOOR)
    return time.thread_time() - started


def _rows(count: int, name: str, values: dict[str, float]) -> list[Row]:
    units = {
        "build": ("build", "s"),
        "memory": ("memory", "MB"),
        "p50": ("p50 alone", "CPU ms"),
        "batch": (f"queries in batches of {BATCH}", "1/CPU s"),
        "recall": ("recall of every hit", ""),
        "invented": ("hits below the floor", ""),
    }
    large = count == 1_000_000
    bars = {("exact", "recall"): "== 1", ("exact", "invented"): "== 0", ("ivf", "invented"): "== 0"}
    if large:
        bars |= {("ivf", "p50"): "<= 5", ("ivf", "recall"): ">= 0.999"}
    return [
        row(f"{_size(count)}: {name}, {label}", values[key], unit, bars.get((name, key), ""))
        for key, (label, unit) in units.items()
        if key in values
    ]


def _ratios(count: int, figures: Figures) -> list[Row]:
    bar = {100_000: ">= 10", 1_000_000: ">= 5"}.get(count, "")
    ours = figures["exact"]["batch"]
    flat = figures["FAISS Flat"]["batch"]
    tuned = figures[engines.TUNED]["batch"]
    name = f"{_size(count)}: exact in batches of {BATCH}, times FAISS Flat"
    return [row(name, ours / flat, "×", bar), row(f"{name} with BLAS", ours / tuned, "×")]


def _size(count: int) -> str:
    return "1 M" if count == 1_000_000 else f"{count // 1_000} k"
