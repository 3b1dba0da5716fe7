"""One contract on three protocols, by the clients that people have: curl, a browser, Jina's."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import grpc
import pytest
import websockets
from docarray import DocList
from jina import Client as JinaClient
from jina.proto import jina_pb2, jina_pb2_grpc
from jina.types.request.data import DataRequest

from adjudicate import Ad, Decision
from tests.e2e.pages import Pages
from tests.e2e.service import ROOT, Service
from tests.services.chromium import Chromium

COUNTS = [1, 1_000]
ADDRESSES = {"grpc": "51000", "http": "51001", "ws": "51002"}
"""As the docs write them."""


def of_this_service(text: str, service: Service) -> str:
    """A piece of the docs with the ports of the tests' service."""
    for name, port in ADDRESSES.items():
        text = text.replace(f"localhost:{port}", f"localhost:{port_of(service, name)}")
    return text


def port_of(service: Service, name: str) -> str:
    return service.urls[name].rsplit(":", 1)[1]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("count", COUNTS)
async def test_all_ads_of_a_post_come_back_over_jinas_grpc(service: Service, count: int) -> None:
    jina = JinaClient(port=int(port_of(service, "grpc")), asyncio=True)
    ads = DocList[Ad](Ad(id=f"g{n}", text=f"grpc sample {n}") for n in range(count))
    answers = jina.post("/review", ads, return_type=DocList[Decision], request_size=count)
    decided = [decision async for group in answers for decision in group]
    assert [decision.ad_id for decision in decided] == [ad.id for ad in ads]
    assert "error" not in {decision.outcome for decision in decided}


@pytest.mark.parametrize("count", COUNTS)
async def test_all_ads_of_a_post_come_back_over_websocket(service: Service, count: int) -> None:
    ads = [{"id": f"w{n}", "text": f"websocket sample {n}"} for n in range(count)]
    async with websockets.connect(f"{service.urls['ws']}/v1/stream", max_size=None) as socket:
        await socket.send(json.dumps({"op": "review", "request_id": 1, "ads": ads}))
        frames: list[dict[str, Any]] = []
        while not frames or frames[-1]["type"] == "decision":
            frames.append(json.loads(await asyncio.wait_for(socket.recv(), 120)))
    assert frames.pop()["type"] == "end"
    assert {f["index"]: f["decision"]["ad_id"] for f in frames} == {
        n: ad["id"] for n, ad in enumerate(ads)
    }
    assert "error" not in {f["decision"]["outcome"] for f in frames}


async def test_a_refused_call_of_grpc_tells_its_code_in_the_response_and_beside_it(
    service: Service,
) -> None:
    request = DataRequest()
    request.document_array_cls = DocList[Ad]
    request.data.docs = DocList[Ad]([Ad(text="x")])
    request.header.exec_endpoint = "/nowhere"
    async with grpc.aio.insecure_channel(f"localhost:{port_of(service, 'grpc')}") as channel:
        call = jina_pb2_grpc.JinaSingleDataRequestRPCStub(channel).process_single_data(request)
        response = await call
        assert (await call.trailing_metadata())["adjudicate-code"]
    assert response.header.status.code == jina_pb2.StatusProto.ERROR
    code = response.header.status.description.partition(":")[0]
    assert code == (await call.trailing_metadata())["adjudicate-code"] == "not_found"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_command_of_the_docs_works_as_it_stands(service: Service, tmp_path: Path) -> None:
    commands = "".join(blocks(ROOT / "docs" / "http.md", "sh"))
    assert commands.count("curl") > 20
    script = of_this_service(
        f'set -eu\ncurl() {{ command curl -sS --fail-with-body "$@"; echo; }}\n{commands}', service
    )
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-1_000:] + done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line]
    reviewed = [[d["ad_id"] for d in one["decisions"]] for one in answers[:4]]
    assert reviewed == [["a"], ["ad-02.jpg"], ["first", "second"], ["a", "b"]]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_refusal_of_the_docs_is_what_the_service_says(service: Service) -> None:
    (command,) = blocks(ROOT / "docs" / "errors.md", "sh")
    (told,) = blocks(ROOT / "docs" / "errors.md", "json")
    said = subprocess.run(
        ["bash", "-c", of_this_service(command, service)], capture_output=True, check=True
    )
    problem, of_the_docs = json.loads(said.stdout), json.loads(told)
    assert re.fullmatch("[0-9a-f]{32}", problem.pop("trace_id"))
    assert re.fullmatch("[0-9a-f]{32}", of_the_docs.pop("trace_id"))
    assert problem == of_the_docs


def test_every_script_of_the_docs_works_in_a_browser(
    service: Service, pages: Pages, chromium: Chromium
) -> None:
    scripts = blocks(ROOT / "README.md", "js") + blocks(ROOT / "docs" / "http.md", "js")
    assert len(scripts) >= 2
    for script in scripts:
        pages.show(of_this_service(script, service))
        said = chromium.dom_of(pages.origin("desk")).partition("<script")[0]
        assert re.search(r"approve|reject|escalate", said), said
        assert "fault" not in said


def test_a_page_gets_each_decision_as_soon_as_it_is_there(
    service: Service, pages: Pages, chromium: Chromium
) -> None:
    ads: list[dict[str, str]] = [{"text": "Guaranteed to cure acne", "market": "EU"}]
    ads += [{"text": f"New flavours, number {n}"} for n in range(5)] + [{"txt": "misspelt"}]
    pages.show(
        of_this_service(
            """
            const socket = new WebSocket("ws://localhost:51002/v1/stream", ["adjudicate.v1"]);
            const frames = [];
            socket.onopen = () => {
              socket.send("{");
              socket.send(JSON.stringify({ op: "review", request_id: "r", ads: ADS }));
            };
            await new Promise((done) => {
              socket.onclose = done;
              socket.onmessage = ({ data }) => {
                frames.push(JSON.parse(data));
                if (frames.at(-1).type === "end") done();
              };
            });
            say(JSON.stringify({ frames, subprotocol: socket.protocol }));
            """.replace("ADS", json.dumps(ads)),
            service,
        )
    )
    dom = chromium.dom_of(pages.origin("desk"))
    said = json.loads(re.search(r"^.*?(\{.*\})$", dom, re.M)[1])
    assert said["subprotocol"] == "adjudicate.v1"
    (unread,) = [frame for frame in said["frames"] if frame["type"] == "error"]
    assert (unread["code"], unread["request_id"]) == ("malformed_request", None)
    decided = [frame for frame in said["frames"] if frame["type"] == "decision"]
    assert sorted(frame["index"] for frame in decided) == list(range(len(ads)))
    outcomes = {frame["index"]: frame["decision"] for frame in decided}
    assert outcomes[0]["outcome"] != "approve"
    assert outcomes[0]["judged"]
    assert not decided[0]["decision"]["judged"]  # it did not wait for the judge's answers
    assert outcomes[6]["problem"]["code"] == "unknown_field"


def test_a_page_of_an_origin_that_is_not_named_gets_nothing(
    service: Service, pages: Pages, chromium: Chromium
) -> None:
    pages.show(
        of_this_service(
            """
            const socket = new WebSocket("ws://localhost:51002/v1/stream");
            const opened = await new Promise((done) => {
              socket.onopen = () => done("opened");
              socket.onerror = () => done("refused");
            });
            const body = JSON.stringify({ ads: [{ text: "x" }] });
            const headers = { "Content-Type": "application/json" };
            const asked = { method: "POST", headers, body };
            const read = await fetch("http://localhost:51001/v1/review", asked).then(
              () => "read", () => "blocked");
            say(`socket ${opened}, fetch ${read}`);
            """,
            service,
        )
    )
    assert "socket refused, fetch blocked" in chromium.dom_of(pages.origin("other"))


def test_the_docs_page_is_drawn_without_the_internet(service: Service, chromium: Chromium) -> None:
    drawn = chromium.dom_of(f"{service.urls['http']}/docs", settle=True)
    assert "Known violations and look-alikes" in drawn
    assert "Review ads" in drawn
