"""The demo: what it expects, what it counts, the report it writes, the service it stops."""

from __future__ import annotations

import io
import json
import struct
import sys
import textwrap
import time
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from adjudicate import Ad, Decision, Exemplar, Finding, Match, Problem, ServiceError
from adjudicate.demo.flow import RunningFlow, free_port
from adjudicate.demo.metrics import numbers, percentile
from adjudicate.demo.output import as_json, write
from adjudicate.demo.report import data_uri, render
from adjudicate.demo.samples import Sample, read_samples
from adjudicate.demo.session import Run, Session, differences, expectations, review_samples
from tests.client.fake import FakeServers, FakeService


def png(red: int, green: int, blue: int) -> bytes:
    """A picture of one colour, 8 × 8 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = (b"\0" + bytes([red, green, blue]) * 8) * 8
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """A small folder of samples: two violations, a compliant ad, a broken one."""
    folder = tmp_path / "samples"
    (folder / "exemplars").mkdir(parents=True)
    (folder / "v.png").write_bytes(png(200, 30, 30))
    (folder / "manifest.csv").write_text(
        "id,file,text,advertiser,market,language,product,label,rule,kind\n"
        "v1,v.png,cures all,A,US,en,drug,violation,US-202.1,image+copy\n"
        "v2,,maybe <b>best</b>,,CN,zh,food,violation,,copy\n"
        "c1,v.png,fine,,,,,compliant,,image\n"
        "b1,,,,,,,error,,broken\n",
        encoding="utf-8",
    )
    (folder / "exemplars" / "x.png").write_bytes(png(30, 30, 200))
    (folder / "exemplars" / "exemplars.csv").write_text(
        "id,file,text,category,rule,severity,polarity,note\n"
        "x1,x.png,,drug,US-202.1,high,violation,known\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
async def session(samples: Path, servers: FakeServers, service: FakeService) -> Session:
    return await review_samples(servers.urls, samples, Console(file=io.StringIO()))


async def test_a_session_that_goes_well(session: Session, service: FakeService) -> None:
    assert session.broken == []
    assert [run.protocol for run in session.runs] == ["grpc", "http", "ws"]
    assert all(len(run.decisions) == len(run.ms) == 4 for run in session.runs)
    assert list(session.exemplars) == ["x1"]
    assert session.exemplars["x1"].image == png(30, 30, 200)
    assert all(len(request) == 1 for request in service.requests)


async def test_its_numbers(session: Session) -> None:
    counted = numbers(session)
    assert counted.outcomes == {"reject": 1, "escalate": 1, "approve": 1, "error": 1}
    assert (counted.not_approved.precision, counted.not_approved.recall) == (1.0, 1.0)
    assert (counted.reject.precision, counted.reject.recall) == (1.0, 0.5)
    assert counted.judged == 1
    assert percentile([1, 2, 3, 4], 0.5) == 2
    assert percentile(list(range(1, 101)), 0.95) == 95
    assert percentile([], 0.5) == 0


async def test_what_it_writes(session: Session, tmp_path: Path) -> None:
    screen = io.StringIO()
    write(session, tmp_path, Console(file=screen, width=140))
    assert "no ad lost" in screen.getvalue()
    data = json.loads((tmp_path / "demo.json").read_text(encoding="utf-8"))
    assert data["ok"] is True
    assert [ad["id"] for ad in data["ads"]] == ["v1", "v2", "c1", "b1"]
    assert set(data["ads"][0]["ms"]) == {"grpc", "http", "ws"}
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<article") == 4
    assert data_uri(png(200, 30, 30)) in page
    assert data_uri(png(30, 30, 200)) in page
    assert "“cures all”" in page
    assert "<b>best</b>" not in page, "an ad's copy is text, not markup"
    for outside in ("http://", "https://", 'src="/', "@import"):
        assert outside not in page, "the page needs nothing but itself"


def decided(ad_id: str, outcome: str = "approve", **fields: object) -> Decision:
    return Decision(ad_id=ad_id, outcome=outcome, **fields)


def runs(*answers: dict[str, Decision]) -> list[Run]:
    names = ("grpc", "http", "ws")
    return [Run(name, 1.0, told, {}) for name, told in zip(names, answers, strict=False)]


def test_what_must_hold() -> None:
    good, bad = Sample(Ad(id="a", text="x"), "compliant"), Sample(Ad(id="b"), "error")
    fine = {"a": decided("a"), "b": decided("b", "error")}
    assert expectations([good, bad], runs(fine, fine, fine)) == []
    lost = replace(runs(fine)[0], protocol="http", decisions={"b": fine["b"]}, faults={"a": "gone"})
    assert expectations([good, bad], [*runs(fine), lost]) == ["a is lost over http: gone"]
    errs = {**fine, "a": decided("a", "error", problem=Problem(code="internal"))}
    assert "a (compliant) is internal over http" in expectations([good], runs(fine, errs))
    reads = {**fine, "b": decided("b")}
    assert "b (error) is approve over grpc" in expectations([bad], runs(reads, reads))
    other = {**fine, "a": decided("a", "reject")}
    said = expectations([good], runs(fine, fine, other))
    assert said == ["a: grpc and ws differ in outcome"]


def test_probabilities_may_differ_a_little() -> None:
    def judged(probability: float) -> Decision:
        return decided("a", findings=[Finding(probability=probability)], confidence=0.5)

    assert differences(judged(0.9), judged(0.9009)) == []
    assert differences(judged(0.9), judged(0.902)) == ["probability"]
    assert differences(decided("a"), judged(0.9)) == ["confidence", "probability"]
    assert differences(decided("a", rule="x"), decided("a", rule="y")) == ["rule"]


async def test_a_report_of_a_session_that_went_wrong(session: Session) -> None:
    lost = replace(session.runs[0], decisions={})
    worse = replace(session, runs=[lost], broken=["v1 is lost over grpc"])
    counted = numbers(worse)
    page = render(worse, counted)
    assert "1 expectation did not hold" in page
    assert "gave no decision" in page
    assert as_json(worse, counted)["ok"] is False


async def test_a_decision_with_everything_in_it_renders(session: Session) -> None:
    full = decided(
        "v1",
        "reject",
        rule="US-202.1",
        reasons=["violation"],
        matches=[Match(exemplar_id="x1", similarity=0.93, threshold=0.8)],
        findings=[Finding(rule="US-202.1", claim="<i>x</i>", rationale="why", probability=0.9)],
        trace_id="f" * 32,
    )
    run = replace(session.runs[0], decisions={**session.runs[0].decisions, "v1": full})
    page = render(replace(session, runs=[run]), numbers(session))
    assert "21 CFR 202.1" in page, "the rule's law comes from the policy"
    assert "&lt;i&gt;x&lt;/i&gt;" in page


@pytest.mark.parametrize("signal", ["image", "hash", "text", "image-text"])
async def test_the_exemplar_is_shown_by_what_is_alike(session: Session, signal: str) -> None:
    known = Exemplar(id="x1", image=png(30, 200, 30), text="Cures all")
    match = Match(exemplar_id="x1", similarity=0.93, threshold=0.8, signal=signal)
    seen = replace(session, nearest={"v1": match}, exemplars={"x1": known})
    page = render(seen, numbers(seen))
    assert f"by {signal} 0.93" in page
    assert (data_uri(png(30, 200, 30)) in page) is (signal in ("image", "hash"))
    assert "Cures all" in page


async def test_a_term_is_shown_by_its_words(session: Session) -> None:
    match = Match(exemplar_id="", rule="US-FTC", signal="term", similarity=1, matched="Pr0ven <to>")
    found = decided("v1", "escalate", matches=[match])
    run = replace(session.runs[0], decisions={**session.runs[0].decisions, "v1": found})
    seen = replace(session, runs=[run], nearest={"v1": match})
    page = render(seen, numbers(seen))
    assert "A term of US-FTC in the copy" in page
    assert page.count("“Pr0ven &lt;to&gt;”") == 2


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("id,label\na,neither\n", "label 'neither'"),
        ("id,label\na,error\na,error\n", "used twice"),
        ("id,label\n,error\n", "is empty"),
    ],
)
def test_a_wrong_manifest_is_told(tmp_path: Path, rows: str, said: str) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(rows, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        list(read_samples(path))


SERVICE = """
    import http.server, os, signal, subprocess, sys, threading
    print("listening")
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200); self.end_headers()
    port = int(os.environ["ADJUDICATE_GATEWAY__HTTP_PORT"])
    server = http.server.HTTPServer(("127.0.0.1", port), Handler)
    {extra}
    def stop(*_):
        threading.Thread(target=server.shutdown).start()
    signal.signal(signal.SIGTERM, stop)
    server.serve_forever()
"""
ORPHAN = 'subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])'


def service_command(extra: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(SERVICE).format(extra=extra)]


def test_the_service_is_started_waited_for_and_stopped(tmp_path: Path) -> None:
    console = Console(file=io.StringIO())
    with RunningFlow(tmp_path, None, console, service_command("")) as running:
        assert set(running.urls) == {"grpc", "http", "ws"}
        assert running._process is not None
        assert running._process.poll() is None
    assert running.left_behind == []
    assert running.processes() == []
    assert running._process.returncode == 0


def test_a_room_that_outlives_the_service_is_found_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjudicate.demo.flow.GRACE_S", 0.3)
    console = Console(file=io.StringIO())
    with RunningFlow(tmp_path, None, console, service_command(ORPHAN)) as running:
        assert len(running.processes()) == 2
    time.sleep(0.2)
    assert running.processes() == []
    assert running.left_behind == ["a room outlived the service"]


def test_a_service_that_dies_shows_its_last_lines(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('judge: no model'); raise SystemExit(78)"]
    console = Console(file=io.StringIO())
    with pytest.raises(ServiceError) as caught, RunningFlow(tmp_path, None, console, command):
        pass
    assert "ended with status 78" in caught.value.detail
    assert "judge: no model" in caught.value.detail


def test_a_busy_port_is_passed_over() -> None:
    import socket

    with socket.create_server(("0.0.0.0", 0)) as busy:
        taken = busy.getsockname()[1]
        assert free_port(taken) != taken
