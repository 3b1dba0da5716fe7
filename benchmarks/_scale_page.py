"""The last `make bench NAME=scale` into docs/capacity.md and into the shipped figures.

    make bench NAME=scale && python -m benchmarks._scale_page

A table stands between `<!-- scale: NAME -->` and `<!-- end -->`. The prose around it is to be read
again then: it speaks of what the numbers mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from adjudicate.capacity import page as capacity_page
from benchmarks import _costs
from benchmarks._disk import TOGETHER
from benchmarks._room_costs import SIZES
from benchmarks._scaled import NGINX, ROOMS
from benchmarks.rows import Row
from benchmarks.scale import GATEWAYS, REPLICAS, SHIPPED, SIMULATED, combination
from executors.shared.settings import ROOT

PAGE = ROOT / "docs" / "capacity.md"
ROWS = Path("out") / "bench" / "scale.json"
_TABLE = re.compile(r"(<!-- scale: (\w+) -->\n)(.*?)(<!-- end -->)", re.S)

Values = dict[str, float]


def filled(page: str, rows: list[Row]) -> str:
    """The page with its tables anew. Raises `KeyError` for a table or a row that is not there."""
    values = {row["name"]: row["value"] for row in rows}
    return _TABLE.sub(
        lambda found: found[1] + "\n".join(TABLES[found[2]](values)) + "\n" + found[4], page
    )


def _waiting(values: Values) -> Iterator[str]:
    yield from _by_replicas(values, SIMULATED)
    shares = [
        values[f"{SIMULATED}: {combination(replicas, gateways)}: busiest replica's share"]
        for replicas in REPLICAS
        for gateways in GATEWAYS
    ]
    yield ""
    yield f"The busiest encoder had at most {max(shares):.2f} times its share of the ads."


def _computing(values: Values) -> Iterator[str]:
    (name,) = {name.partition(": ")[0] for name in values if name.startswith(SHIPPED + ",")}
    yield from _by_replicas(values, name)


def _by_replicas(values: Values, name: str) -> Iterator[str]:
    heads = [f"{gateways} gateway{'s' if gateways > 1 else ''}" for gateways in GATEWAYS]
    yield f"| ads/s (efficiency) | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    for replicas in REPLICAS:
        cells = []
        for gateways in GATEWAYS:
            of = f"{name}: {combination(replicas, gateways)}"
            cells.append(f"{values[of]:.1f} ({values[f'{of}: efficiency']:.2f})")
        yield f"| {replicas} encoder{'s' if replicas > 1 else ''} | {' | '.join(cells)} |"


def _cpu(values: Values) -> Iterator[str]:
    parts = (*ROOMS, "PostgreSQL", NGINX)
    yield f"| CPU ms, by ads in a request | {' | '.join(parts)} |"
    yield "|---" * (len(parts) + 1) + "|"
    for size in SIZES:
        cells = [f"{values[f'{part}, {size} a request']:.2f}" for part in parts]
        yield f"| {size} | {' | '.join(cells)} |"


def _bytes(values: Values) -> Iterator[str]:
    yield "| bytes of an ad | there | back |"
    yield "|---|---|---|"
    for room in ROOMS:
        there, back = values[f"{room}: its requests"], values[f"{room}: its answers"]
        name = "client and gateway" if room == "gateway" else f"gateway and {room}"
        yield f"| {name} | {there:,.0f} | {back:,.0f} |"


def _disk(values: Values) -> Iterator[str]:
    bases = ("PostgreSQL", "SQLite")
    yield f"| | {' | '.join(bases)} |"
    yield "|---|---|---|"
    for kind in ("not judged", "judged"):
        cells = [f"{values[f'a decision, {kind}, {base}']:,.0f} bytes" for base in bases]
        yield f"| a decision, {kind} | {' | '.join(cells)} |"
    for count in TOGETHER:
        named = [f"{base}: one writer, {count} in a transaction" for base in bases]
        cells = [f"{values[name]:,.0f} a second" for name in named]
        yield f"| one writer, {count} in a transaction | {' | '.join(cells)} |"
    yield ""
    said = (
        ("a sync of this disk", "this disk: a page written and synced", "ms"),
        (
            "an exemplar beside its picture",
            "an exemplar beside its picture, PostgreSQL",
            "bytes",
        ),
        ("a verdict in Redis", "a verdict in Redis", "bytes"),
        (
            "a photo for the encoder",
            "encoder: a photo decoded, hashed, resized for ViT-L-14",
            "CPU ms",
        ),
        (
            "a photo for a judge's server",
            "judge: a photo decoded and packed for a server",
            "CPU ms",
        ),
    )
    yield "Also: " + "; ".join(f"{what} {_plain(values[name])} {unit}" for what, name, unit in said)


def _memory(values: Values) -> Iterator[str]:
    yield f"| MB, one replica at its peak | {' | '.join(ROOMS)} |"
    yield "|---" * (len(ROOMS) + 1) + "|"
    for kind in ("without models", "shipped models"):
        cells = [f"{values[f'{room}, {kind}: memory']:,.0f}" for room in ROOMS]
        yield f"| {kind} | {' | '.join(cells)} |"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


TABLES: dict[str, Callable[[Values], Iterator[str]]] = {
    "waiting": _waiting,
    "computing": _computing,
    "cpu": _cpu,
    "bytes": _bytes,
    "disk": _disk,
    "memory": _memory,
}


def main() -> None:
    """Fill the page and the shipped figures."""
    _costs.main()
    rows: list[Row] = json.loads(ROWS.read_text(encoding="utf-8"))
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    capacity_page.main(PAGE)
    print(f"{PAGE.relative_to(ROOT)} filled from {ROWS}")


if __name__ == "__main__":
    main()
