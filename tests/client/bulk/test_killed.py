"""The command in a process of its own, killed in the middle again and again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.client.bulk.made import PNG, lines, manifest
from tests.client.fake import FakeServers, FakeService

ADS = 240
IN_FLIGHT = 4 * 4


def start(servers: FakeServers, folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "adjudicate", "review", *arguments]
    size = ("--request-size", "4", "--concurrency", "4", "--json", "--every", "0")
    environment = {**os.environ, "ADJUDICATE_URL": servers.urls["http"]}
    return subprocess.Popen(
        [*command, *size],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def killed_when(process: subprocess.Popen[bytes], journal: Path, count: int) -> int:
    """Kill the process once `count` lines are written; how many there are then."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if journal.exists() and journal.read_bytes().count(b"\n") >= count:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return journal.read_bytes().count(b"\n")
        time.sleep(0.005)
    _, said = process.communicate()
    raise AssertionError(f"it was not to be killed: {said.decode()}")


def slowed(path: Path) -> None:
    """Every ad takes a while, so that there is a middle to be killed in."""
    text = path.read_text().replace("fine ", "slow:0.02 ")
    path.write_text(text)


@pytest.mark.parametrize("suffix", [".jsonl", pytest.param(".parquet", marks=pytest.mark.slow)])
def test_killed_twice_and_finished_no_ad_is_lost_and_none_is_there_twice(
    tmp_path: Path, servers: FakeServers, service: FakeService, suffix: str
) -> None:
    path, out = manifest(tmp_path, ADS), tmp_path / f"d{suffix}"
    slowed(path)
    journal = out if suffix == ".jsonl" else tmp_path / "d.parquet.jsonl"
    command = (path.name, "--out", out.name)
    first = killed_when(start(servers, tmp_path, *command), journal, 40)
    # As a failure of the power leaves it: half a line.
    journal.write_bytes(journal.read_bytes() + b'{"row":12345,"ad_id":"torn')
    second = killed_when(start(servers, tmp_path, *command), journal, first + 40)
    assert 40 <= first < second < ADS

    process = start(servers, tmp_path, *command)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 1, said.decode()  # ads without copy err
    summary = json.loads(printed)
    assert (summary["ads"], summary["before"]) == (ADS, second)
    assert summary["outcomes"] == {"approve": 164, "reject": 28, "error": 48}

    found = lines(out) if suffix == ".jsonl" else pq.read_table(out).to_pylist()
    assert sorted(record["row"] for record in found) == list(range(1, ADS + 1))
    assert all(record["ad_id"] == f"ad-{record['row']}" for record in found)
    left = {f"{out.name}{end}" for end in ("", ".run.json")} | {path.name}
    assert {file.name for file in tmp_path.iterdir()} == left

    # What was sent again was in flight when the process died, under the same key.
    keys = Counter(ad.idempotency_key for request in service.requests for ad in request)
    assert set(keys) == {f"{summary['run']}/{n}" for n in range(1, ADS + 1)}
    again = [key for key, times in keys.items() if times > 1]
    assert len(again) <= 2 * IN_FLIGHT


def test_ctrl_c_says_where_it_was_and_what_goes_on(
    tmp_path: Path, servers: FakeServers, service: FakeService
) -> None:
    path, out = manifest(tmp_path, ADS), tmp_path / "d.jsonl"
    slowed(path)
    process = start(servers, tmp_path, path.name, "--out", out.name)
    deadline = time.monotonic() + 60
    while not (out.exists() and out.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    sentences = said.decode().splitlines()
    assert len(sentences) == 2
    assert "the same command goes on" in sentences[0]
    assert sentences[1] == "adjudicate: Stopped."
    assert f"{len(lines(out)):,} decisions are in d.jsonl" in sentences[0]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_ads(
    tmp_path: Path, servers: FakeServers, service: FakeService
) -> None:
    pictures = tmp_path / "ads"
    pictures.mkdir()
    for n in range(20):
        (pictures / f"{n}.png").write_bytes(PNG + os.urandom(100_000))
    path = tmp_path / "m.csv"
    rows = "\n".join(f"{n},ads/{n % 20}.png,fine" for n in range(20_000))
    path.write_text(f"id,file,text\n{rows}\n")

    class Forgetful(list):  # type: ignore[type-arg]
        def append(self, item: object) -> None:
            """The fake keeps every ad; here that is 2 GB."""

    service.requests = Forgetful()
    process = start(servers, tmp_path, path.name, "--out", "d.jsonl")
    resident: list[tuple[int, int]] = []
    while process.poll() is None:
        out = tmp_path / "d.jsonl"
        count = out.read_bytes().count(b"\n") if out.exists() else 0
        held = [
            int(line.split()[1])
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
            if line.startswith("VmRSS")
        ]
        resident += [(count, kb) for kb in held]
        service.decided.clear()
        time.sleep(0.5)
    assert process.returncode == 0
    early = max(kb for count, kb in resident if 1_000 <= count <= 5_000)
    late = max(kb for count, kb in resident if count >= 15_000)
    # 10,000 more ads are 1 GB of pictures; the allocator's own ups and downs are some 40 MB.
    assert late - early < 100_000, (early, late)
