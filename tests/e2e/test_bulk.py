"""A bulk review of the real service, killed midway: one decision per ad, in its ledger too."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

from adjudicate import Client
from tests.e2e.conftest import SAMPLES, plain_ads, sample_rows
from tests.e2e.service import Service

PLAIN = 110


def manifest(folder: Path, prefix: str) -> Path:
    """The samples and small print, under ids that no other test has."""
    path = folder / "m.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "file", "text", "market"])
        for row in sample_rows():
            picture = str(SAMPLES / row["file"]) if row["file"] else ""
            writer.writerow([f"{prefix}{row['id']}", picture, row["text"], row["market"]])
        for ad in plain_ads(PLAIN):
            writer.writerow([f"{prefix}{ad.id}", "", ad.text, ""])
    return path


def start(folder: Path, service: Service) -> subprocess.Popen[bytes]:
    arguments = ("m.csv", "--out", "d.jsonl", "--json", "--request-size", "4", "--every", "0")
    return subprocess.Popen(
        [sys.executable, "-m", "adjudicate", "review", *arguments],
        cwd=folder,
        env={**os.environ, "ADJUDICATE_URL": service.urls["grpc"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def written(out: Path) -> int:
    return out.read_bytes().count(b"\n") if out.exists() else 0


def in_ledger(service: Service, prefix: str) -> list[str]:
    """The ids of the ads of every decision on record, those that err left out: an ad that errs is
    decided anew when it is sent again."""
    found: list[str] = []
    with Client(service.urls["grpc"]) as client:
        while page := client.decisions(limit=500, offset=len(found)):
            found += [d.ad_id if d.problem is None else "" for d in page]
    return sorted(ad_id for ad_id in found if ad_id.startswith(prefix))


def test_killed_twice_the_file_and_the_ledger_have_one_decision_per_ad(
    service: Service, tmp_path: Path
) -> None:
    prefix = f"bulk-{uuid.uuid4().hex[:8]}-"
    path, out = manifest(tmp_path, prefix), tmp_path / "d.jsonl"
    ads = len(sample_rows()) + PLAIN
    for goal in (10, 60):
        process = start(tmp_path, service)
        deadline = time.monotonic() + 120
        while written(out) < goal and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process.poll() is None, process.communicate()
        process.kill()
        process.communicate()
    assert written(out) < ads

    process = start(tmp_path, service)
    printed, said = process.communicate(timeout=200)
    assert process.returncode == 1, said.decode()  # two samples are broken
    summary = json.loads(printed)
    assert summary["ads"] == ads
    assert summary["outcomes"]["error"] == 2

    decisions = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    with path.open(encoding="utf-8", newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    assert {d["row"]: d["ad_id"] for d in decisions} == dict(enumerate(ids, 1))
    assert len(decisions) == ads
    good = sorted(d["ad_id"] for d in decisions if d["outcome"] != "error")
    assert in_ledger(service, prefix) == good
