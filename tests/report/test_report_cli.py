"""`adjudicate report` as a person or a script runs it."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from adjudicate import Client
from adjudicate.cli.app import app
from adjudicate.cli.exits import Exit
from adjudicate.errors import Code, ServiceError
from tests.client.conftest import PROTOCOLS, servers, service
from tests.client.fake import FakeServers, FakeService
from tests.report.made import answers, made

__all__ = ["servers", "service"]

STRICT = "bounds: [{measure: stages.total.p95, most: 1, alert: AdjudicateSlow}]"
LOOSE = "bounds: [{measure: stages.total.p95, most: 100000}]"


@pytest.fixture(autouse=True)
def here(
    servers: FakeServers, service: FakeService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    service.reports = answers()
    # gRPC on two loops of one process writes on stderr when each wakes up for the other.
    monkeypatch.setenv("ADJUDICATE_URL", servers.urls["http"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", *arguments])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_answers_the_same(
    servers: FakeServers, service: FakeService, protocol: str
) -> None:
    with Client(servers.urls[protocol]) as client:
        found = client.report("15m", since="2026-03-01T12:00")
    assert found.model_dump() == made().model_dump()
    assert service.windows == [{"window": "15m", "since": "2026-03-01T12:00"}]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_no_report_is_said(
    servers: FakeServers, service: FakeService, protocol: str
) -> None:
    service.reports = []
    with Client(servers.urls[protocol], retries=0) as client, pytest.raises(ServiceError):
        client.report()


def test_without_options_the_last_hour_is_shown(service: FakeService) -> None:
    result = invoke()
    assert result.exit_code == Exit.OK, result.output
    assert "10 ads, 0.017 a second" in result.stdout
    assert "Milliseconds of an ad, by stage" in result.stdout
    assert service.windows == [{}]


def test_json_is_the_report_and_nothing_else() -> None:
    result = invoke("--json", "--window", "15m")
    assert result.exit_code == Exit.OK, result.output
    (line,) = result.stdout.splitlines()
    assert json.loads(line) == made().model_dump(mode="json")
    assert invoke("--format", "json", "--window", "15m").stdout == result.stdout


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="the report extra")
def test_the_ending_of_the_file_says_what_it_becomes(here: Path) -> None:
    for name, begins in (
        ("out/report.html", "<!doctype html>"),
        ("report.json", '{"since"'),
        ("report.txt", "2026-03-01 12:00:00 to 12:10:00 UTC"),
    ):
        result = invoke("--output", name)
        assert result.exit_code == Exit.OK, result.output
        assert result.stdout == ""
        assert f"written to {name}" in result.stderr
        assert (here / name).read_text(encoding="utf-8").startswith(begins)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_broken_bound_is_said_and_the_status_is_one(here: Path, form: str) -> None:
    (here / "mine.yml").write_text(STRICT)
    result = invoke("--check", "mine.yml", "--format", form)
    assert result.exit_code == Exit.AD_ERROR
    said = "adjudicate: stages.total.p95 is 955 ms, above the bound of 1 ms (see AdjudicateSlow in"
    assert said in result.stderr
    if form == "json":
        (bound,) = json.loads(result.stdout)["bounds"]
        assert (bound["measure"], bound["most"]) == ("stages.total.p95", 1)
        assert bound["value"] == pytest.approx(955)
        assert bound["broken"] is True


def test_bounds_that_hold_leave_the_status_alone(here: Path) -> None:
    (here / "mine.yml").write_text(LOOSE)
    result = invoke("--check", "mine.yml")
    assert result.exit_code == Exit.OK, result.output
    assert "1 of 1 bounds hold" in result.stdout
    assert result.stderr == ""


def test_the_shipped_bounds_know_a_room_that_does_not_answer() -> None:
    result = invoke("--check", "default")
    assert result.exit_code == Exit.AD_ERROR
    assert "rooms.judge.missing is 1, above the bound of 0 (see AdjudicateRoomDown" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--window", "soon"), "A duration is written"),
        (("--since", "monday"), "A time is written"),
        (("--since", "2026-03-02", "--until", "2026-03-01"), "before it begins"),
        (("--check", "missing.yml"), "missing.yml"),
        (("--check", "wrong.yml"), "wrong.yml: bounds"),
    ],
)
def test_what_is_wrong_is_said_before_the_service_is_asked(
    here: Path, service: FakeService, arguments: tuple[str, ...], said: str
) -> None:
    (here / "wrong.yml").write_text("bounds: 1")
    result = invoke(*arguments)
    assert result.exit_code == Exit.USAGE
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not service.windows


def test_without_matplotlib_it_says_what_to_install(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name)
    )
    result = invoke("--format", "html")
    assert result.exit_code == Exit.USAGE
    assert "adjudicate[report]" in result.stderr
    assert not service.windows


def test_a_service_that_is_away_is_a_sentence(service: FakeService) -> None:
    service.faults = [ServiceError(Code.ROOM_UNAVAILABLE, "It is away.")] * 10
    result = invoke("--timeout", "1")
    assert result.exit_code == Exit.UNAVAILABLE
    assert "Traceback" not in result.output


def test_a_disk_that_is_full_is_a_sentence(here: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("no /dev/full")
    result = invoke("--output", "/dev/full")
    assert result.exit_code == Exit.USAGE
    assert "No space left" in result.stderr
