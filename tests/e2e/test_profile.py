"""Decisions say where their time went, and `adjudicate profile` adds it up."""

from __future__ import annotations

import json
import subprocess
import sys

from adjudicate import AsyncClient
from tests.e2e.conftest import plain_ads, sample_ad, sample_rows
from tests.e2e.service import ROOT, Service


async def test_a_decision_says_what_each_room_its_model_and_the_gateway_took(
    client: AsyncClient, protocol: str
) -> None:
    violations = [sample_ad(row) for row in sample_rows() if row["label"] == "violation"][:6]
    for ad in violations:
        ad.text += f" Seen over {protocol}."  # else its verdict is known already
    decisions = await client.review_all(violations)
    decision = next(one for one in decisions if one.judged and not one.cached)
    rooms = {"encoder", "library", "judge", "ledger"}
    parts = {f"encoder.{part}" for part in ("decode", "wait", "model")}
    parts |= {"judge.wait", "judge.model", *(f"gateway.{room}" for room in rooms)}
    assert set(decision.timings) == rooms | {"gateway"} | parts
    times = decision.timings
    assert 0 < times["encoder.model"] < times["encoder"]
    assert 0 < times["judge.model"] < times["judge"]
    assert sum(times[f"gateway.{room}"] for room in rooms) <= times["gateway"]


async def test_an_ad_that_is_not_judged_has_no_time_of_the_judge(client: AsyncClient) -> None:
    decisions = await client.review_all(plain_ads(8))
    unjudged = [decision for decision in decisions if not decision.judged]
    assert unjudged
    assert all("judge" not in decision.timings for decision in unjudged)


def test_profile_runs_against_the_service(service: Service) -> None:
    command = (sys.executable, "-m", "adjudicate", "profile", "--ads", "8", "--json")
    asked = ("--url", service.urls["http"], "--request-size", "4", "--concurrency", "2")
    done = subprocess.run(
        [*command, *asked], capture_output=True, text=True, cwd=ROOT, timeout=120, check=True
    )
    said = json.loads(done.stdout)
    assert said["ads"] == 8
    parts = {stage.get("part", stage["stage"]): stage["mean_ms"] for stage in said["stages"]}
    assert parts["encoder.model"] > 0
    assert parts["gateway"] > 0
    stages = [stage for stage in said["stages"] if "part" not in stage]
    assert abs(sum(stage["share"] for stage in stages) - 2.0) < 0.01  # the total is one of them
