"""A hundred thousand ads through `adjudicate review --out`, killed midway, again and again.

The real gateway, library and ledger, before an encoder and a judge without models; the command runs
in a process of its own and is ended by SIGKILL. Then every row is counted, in the out file and in
the ledger. `ADS` copies are spread evenly: memory is compared early and late in the same run.
"""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import psutil

from benchmarks._noop_flow import NoopFlow
from benchmarks.rows import Row, row

ADS = 100_000
PICTURES = 50
PICTURE_BYTES = 20_000
KILLED_AT = (0.1, 0.2, 0.3)
"""Shares of the ads that have their decisions then."""
REQUEST, REQUESTS = 32, 8
EARLY, LATE = (0.35, 0.5), (0.85, 0.99)
"""Shares of the last run between which memory is looked at. The end is left out: as it ends, the
interpreter takes some 80 MB more, after 10,000 ads as after 100,000."""


def run() -> list[Row]:
    """Kill it, let it finish, and count."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        _manifest(here)
        with NoopFlow(here) as flow:
            for share in KILLED_AT:
                _killed(_start(here, flow), here / "out.jsonl", round(share * ADS))
            command = _start(here, flow)
            memory = _memory(command, here / "out.jsonl")
            printed, said = command.communicate()
            if command.returncode:
                raise RuntimeError(f"the command ended with {command.returncode}: {said.decode()}")
        return _rows(here, json.loads(printed), memory)


def _manifest(folder: Path) -> None:
    for number in range(PICTURES):
        (folder / f"{number}.png").write_bytes(os.urandom(PICTURE_BYTES))
    with (folder / "ads.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "file", "text"])
        writer.writerows((f"ad-{n}", f"{n % PICTURES}.png", f"apples {n}") for n in range(ADS))


def _start(folder: Path, flow: NoopFlow) -> subprocess.Popen[bytes]:
    command = ["review", "ads.csv", "--out", "out.jsonl", "--json", "--every", "0"]
    pace = ["--request-size", str(REQUEST), "--concurrency", str(REQUESTS)]
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "adjudicate", *command, *pace],
        cwd=folder,
        env={**os.environ, "ADJUDICATE_URL": flow.urls["grpc"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _killed(command: subprocess.Popen[bytes], out: Path, goal: int) -> None:
    lines = Lines(out)
    while command.poll() is None and lines.count() < goal:
        time.sleep(0.05)
    if command.poll() is not None:
        raise RuntimeError(f"it ended before it was killed: {command.communicate()[1].decode()}")
    command.kill()
    command.communicate()


def _memory(command: subprocess.Popen[bytes], out: Path) -> list[tuple[float, int]]:
    """Share of the ads done, and resident bytes of the command, while it runs."""
    seen: list[tuple[float, int]] = []
    lines, process = Lines(out), psutil.Process(command.pid)
    while command.poll() is None:
        try:
            seen.append((lines.count() / ADS, process.memory_info().rss))
        except psutil.NoSuchProcess:
            break
        time.sleep(0.2)
    return seen


class Lines:
    """Counts the lines of a file that grows, or is cut at a torn last one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = self._count = 0

    def count(self) -> int:
        if not self._path.exists():
            return 0
        with self._path.open("rb") as file:
            file.seek(self._read)
            while part := file.read(1 << 20):
                whole = part.rfind(b"\n") + 1
                self._count += part.count(b"\n")
                self._read += whole
                if not whole:
                    break
                file.seek(self._read)
        return self._count


def _rows(folder: Path, summary: dict[str, float], memory: list[tuple[float, int]]) -> list[Row]:
    with (folder / "out.jsonl").open(encoding="utf-8") as file:
        written = Counter(json.loads(line)["row"] for line in file)
    with closing(sqlite3.connect(folder / "noop.db")) as ledger:
        recorded, repeated = ledger.execute(
            "select count(*), count(*) - count(distinct ad_id) from decisions"
        ).fetchone()
    early = max(size for share, size in memory if EARLY[0] <= share <= EARLY[1])
    late = max(size for share, size in memory if LATE[0] <= share <= LATE[1])
    return [
        row("ads", ADS),
        row("killed", len(KILLED_AT), "times"),
        row("rows without a decision in the file", ADS - len(written), "", "== 0"),
        row("rows with two decisions in the file", written.total() - len(written), "", "== 0"),
        row("ads that the ledger lacks", ADS - (recorded - repeated), "", "== 0"),
        row("decisions too many in the ledger", repeated, "", "== 0"),
        row("last run: ads a second", summary["ads_per_second"], "ads/s"),
        row("memory late against early", (late - early) / 2**20, "MiB", "<= 64"),
    ]
