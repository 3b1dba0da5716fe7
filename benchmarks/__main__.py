"""`python -m benchmarks [NAME]`: run one benchmark or all; print tables, write out/bench/NAME.json.

Exits with 1 when a bar does not hold, so that a figure cannot slip unnoticed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import time
from pathlib import Path

import benchmarks
from benchmarks.rows import Row, row, table

OUT = Path("out") / "bench"


def names() -> list[str]:
    """Every module of this package that can be run."""
    return sorted(
        module.name
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if not module.name.startswith("_")
        and hasattr(importlib.import_module(f"benchmarks.{module.name}"), "run")
    )


def run(name: str) -> bool:
    """Run one benchmark. Whether every bar of it holds."""
    started = time.perf_counter()
    rows: list[Row] = importlib.import_module(f"benchmarks.{name}").run()
    rows.append(row("this benchmark itself", time.perf_counter() - started, "s"))
    print(table(name, rows))
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}.json"
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    print(f"written to {path}\n")
    return all(row["holds"] is not False for row in rows)


def main() -> int:
    known = names()
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=known, help="default: all")
    chosen = parser.parse_args().name
    held = [run(name) for name in ([chosen] if chosen else known)]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
