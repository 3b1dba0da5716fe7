"""`adjudicate profile` as a person or a script runs it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from adjudicate.cli.app import app
from adjudicate.cli.exits import Exit
from adjudicate.errors import Code, ServiceError
from tests.client.fake import FakeServers, FakeService


@pytest.fixture(autouse=True)
def here(
    servers: FakeServers, service: FakeService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    monkeypatch.setenv("ADJUDICATE_URL", servers.urls["grpc"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["profile", *arguments])


def test_without_ads_some_are_made(service: FakeService) -> None:
    result = invoke("--ads", "3", "--concurrency", "1")
    assert result.exit_code == Exit.OK, result.output
    assert "3 ads, 1 a request, 1 at a time" in result.stdout
    shown = [line.split()[0] for line in result.stdout.splitlines() if line.strip()]
    stages = ["network", "gateway", "encoder", "library", "judge", "ledger", "total"]
    assert [word for word in shown if word in stages] == stages
    assert all(len(ad.image or b"") > 50_000 for request in service.requests for ad in request)


def test_named_ads_are_sent_over_and_over(here: Path, service: FakeService) -> None:
    (here / "ads.csv").write_text("id,text\n1,tea\n2,more tea\n")
    result = invoke("ads.csv", "--ads", "5", "--request-size", "2", "--json")
    assert result.exit_code == Exit.OK, result.output
    (line,) = result.stdout.splitlines()
    said = json.loads(line)
    assert (said["ads"], said["request_size"], said["outcomes"]) == (5, 2, {"approve": 5})
    by_stage = {stage["stage"]: stage for stage in said["stages"] if "part" not in stage}
    assert by_stage["encoder"]["mean_ms"] == 1.5
    total = by_stage.pop("total")
    assert sum(stage["mean_ms"] for stage in by_stage.values()) == pytest.approx(
        total["mean_ms"], abs=0.01
    )
    assert {ad.text for request in service.requests for ad in request} == {"tea", "more tea"}


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="the report extra")
def test_the_picture_is_written_where_it_is_asked_for(here: Path) -> None:
    result = invoke("--ads", "2", "--out", "out/profile.html", "--json")
    assert result.exit_code == Exit.OK, result.output
    assert "written to out/profile.html" in result.stderr
    assert len(result.stdout.splitlines()) == 1
    assert "<svg" in (here / "out" / "profile.html").read_text()


def test_a_wrong_ending_is_said_before_any_ad_is_sent(service: FakeService) -> None:
    result = invoke("--out", "profile.pdf")
    assert result.exit_code == Exit.USAGE
    assert "profile.pdf" in result.stderr
    assert not service.requests


def test_without_matplotlib_it_says_what_to_install(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name)
    )
    result = invoke("--out", "profile.html")
    assert result.exit_code == Exit.USAGE
    assert "adjudicate[report]" in result.stderr
    assert not service.requests


def test_ads_with_outcome_error_are_counted_and_the_status_says_so(here: Path) -> None:
    (here / "ads.jsonl").write_text('{"id": "1", "text": ""}\n{"id": "2", "text": "tea"}\n')
    result = invoke("ads.jsonl", "--ads", "4")
    assert result.exit_code == Exit.AD_ERROR
    assert "2 with outcome error" in result.stdout


def test_a_service_that_is_away_is_a_sentence(service: FakeService) -> None:
    service.faults = [ServiceError(Code.ROOM_UNAVAILABLE, "The encoder is away.")]
    result = invoke("--ads", "2")
    assert result.exit_code == Exit.UNAVAILABLE
    assert result.stderr.endswith("The encoder is away.\n")
    assert "Traceback" not in result.output


def test_an_empty_folder_is_said(here: Path) -> None:
    (here / "ads").mkdir()
    result = invoke("ads")
    assert result.exit_code == Exit.USAGE
    assert "ads" in result.stderr
