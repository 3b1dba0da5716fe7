"""A report of the running Flow is of what it really did."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from adjudicate import Ad, AsyncClient, Client, Decision
from adjudicate.report.model import Report
from adjudicate.report.statistics import statistics_of
from tests.e2e.conftest import plain_ads, sample_ad, sample_rows
from tests.e2e.service import ROOT, Service

READINGS_S = 60.0
"""The processes are read every five seconds."""


@pytest.fixture(scope="module")
def reviewed(service: Service) -> tuple[str, str, list[Decision]]:
    """A window, and all decisions that were made in it."""
    ads = [sample_ad(row) for row in sample_rows()[:6]] + plain_ads(20) + [Ad(text="")]
    since = datetime.now(UTC).isoformat()
    with Client(service.urls["grpc"]) as client:
        decisions = client.review_all(ads)
    return since, datetime.now(UTC).isoformat(), decisions


async def test_times_and_counts_are_those_of_the_decisions(
    client: AsyncClient, reviewed: tuple[str, str, list[Decision]]
) -> None:
    since, until, decisions = reviewed
    report = await client.report(since=since, until=until)
    # The window may be shorter than the time between two readings of a process.
    assert [note for note in report.notes if not note.startswith("No readings")] == []
    assert report.ads is not None
    assert report.ads.count == len(decisions)
    assert report.ads.outcomes == Counter(decision.outcome for decision in decisions)
    assert report.ads.codes == Counter(d.problem.code for d in decisions if d.problem)
    assert report.ads.judged == sum(decision.judged for decision in decisions)
    stages = {stage.stage: stage.statistics for stage in report.stages}
    # The judge's may be a twin's: its decision has the times of its own ad alone.
    for name in ("encoder", "encoder.model", "library", "gateway", "gateway.ledger", "ledger"):
        said = statistics_of([d.timings[name] for d in decisions if name in d.timings])
        assert said is not None
        assert stages[name].model_dump() == pytest.approx(said.model_dump(), rel=1e-4), name
    whole = statistics_of(
        [sum(ms for name, ms in d.timings.items() if "." not in name) for d in decisions]
    )
    assert whole is not None
    # The judge works beside the way round it, so the sum of an ad's rooms is not below its whole.
    assert stages["total"].max <= whole.max * 1.001


async def test_every_process_is_read(client: AsyncClient) -> None:
    deadline = time.monotonic() + READINGS_S
    report = await client.report("1h")
    while time.monotonic() < deadline and not all(room.readings for room in report.rooms):
        report = await client.report("1h")
    assert [room.room for room in report.rooms] == [
        *("gateway", "encoder", "library", "judge", "ledger"),
    ]
    for room in report.rooms:
        assert room.problem is None
        assert room.measures["memory"].min > 50e6, room.room
        assert room.measures["open_files"].min > 3, room.room
        assert room.measures["disk_free"].min > 0, room.room
        assert 0 <= room.measures["cpu"].mean < 64, room.room


def test_a_refused_request_is_counted_by_its_code(service: Service) -> None:
    address = f"{service.urls['http']}/v1/report"
    before = Report.model_validate(httpx.get(address).json())
    assert httpx.get(f"{service.urls['http']}/v1/decisions/none-such").status_code == 404
    after = Report.model_validate(httpx.get(address).json())
    assert after.requests["not_found"] >= before.requests.get("not_found", 0) + 1
    assert after.requests["ok"] > before.requests.get("ok", 0)


def test_the_command_writes_a_page_and_fails_by_a_bound(service: Service, tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text(
        "bounds:\n"
        "  - {measure: rooms.*.missing, most: 0}\n"
        "  - {measure: ads.count, most: 0, alert: AdjudicateSlow}\n"
    )
    command = [sys.executable, "-m", "adjudicate", "report", "--window", "1d"]
    done = subprocess.run(
        [*command, "--output", "report.html", "--check", "mine.yml"],
        cwd=tmp_path,
        env={"PATH": "", "ADJUDICATE_URL": service.urls["ws"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert "ads.count is" in done.stderr
    assert "rooms." not in done.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "1 of 6 bounds is broken" in page
    assert "<svg" in page
