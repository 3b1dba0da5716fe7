"""The log of a real Flow that was asked well and badly, whose database failed: what is in it, and
what is not. Everything secret here is planted, and looked for in every line of every process."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
import pytest
from PIL import Image, PngImagePlugin

from adjudicate import Ad, AsyncClient, Decision
from adjudicate.errors import AdjudicateError
from benchmarks._servers import free_ports
from executors.gateway.access.store import KeyStore
from executors.gateway.caller import Scope
from executors.shared.settings import ROOT
from tests.e2e.service import READY_S, Service
from tests.services.postgres import Postgres

JWT_SECRET = "planted-jwt-secret-0123456789abcdef0123456789"  # noqa: S105
DATABASE_PASSWORD = "planted-password-of-the-database"  # noqa: S105
WRONG_KEY = f"adj_0123456789ab_{'PlantedWrongKey0' * 3}"[:60]
COPY, WORDS = "Plantago heilt Krebs in drei Tagen, garantiert 保证治愈", "Plantago"
ADVERTISER, CAMPAIGN = "Planted Advertiser GmbH", "planted-campaign"
URL_QUERY = "signature=PlantedSignature42"
PICTURE_TEXT = "PlantedInThePicture" * 8
SETTINGS_SECRETS = {
    "ADJUDICATE_ACCESS__JWT_SECRET": JWT_SECRET,
    "ADJUDICATE_JUDGE__API_KEY": "planted-key-of-the-judge",
    "ADJUDICATE_JUDGE__CACHE_URL": "redis://:planted-password-of-the-cache@127.0.0.1:{dead}/0",
    "ADJUDICATE_TELEMETRY__OTLP_HEADERS": "x-key=planted-key-of-the-collector",
}
PLANTED = (
    *(JWT_SECRET, DATABASE_PASSWORD, WRONG_KEY[17:], COPY, WORDS, "保证治愈", ADVERTISER, CAMPAIGN),
    *("PlantedSignature42", "PlantedInThePicture", "planted-key-of-the-judge"),
    *("planted-password-of-the-cache", "planted-key-of-the-collector"),
)


@dataclass
class Story:
    """What was asked, what came back, and the log of it."""

    key: str
    key_id: str
    token: str
    picture: bytes
    decisions: list[Decision] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    text: str = ""

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def named(self, logger: str) -> list[dict[str, Any]]:
        """The lines of a logger."""
        return [line for line in self.lines if line["logger"] == logger]


def picture() -> bytes:
    """A good picture that says what must not be logged."""
    said = PngImagePlugin.PngInfo()
    said.add_text("Comment", PICTURE_TEXT)
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((96, 64)).save(buffer, "PNG", pnginfo=said)
    return buffer.getvalue()


def ads(prefix: str, image: bytes) -> list[Ad]:
    common = {"advertiser": ADVERTISER, "context": {"campaign": CAMPAIGN}}
    return [
        Ad(id=f"{prefix}-good", image=image, text=COPY, market="EU", **common),
        Ad(id=f"{prefix}-torn", image=image[: len(image) // 2], text=COPY, **common),
        Ad(id=f"{prefix}-odd", image=PICTURE_TEXT.encode(), **common),
        Ad(id=f"{prefix}-url", url=f"https://cdn.adjudicate.invalid/a.png?{URL_QUERY}", text=COPY),
        Ad(id=f"{prefix}-empty", **common),
    ]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Story:
    folder = tmp_path_factory.mktemp("logs")
    database = postgres.fresh_database().replace(
        "//adjudicate@", f"//adjudicate:{DATABASE_PASSWORD}@"
    )
    store = KeyStore(database)
    key, text = store.create("desk", {Scope.ADMIN})
    store.close()
    (dead,) = free_ports(1)
    service = Service(
        folder,
        {
            **{name: value.format(dead=dead) for name, value in SETTINGS_SECRETS.items()},
            "ADJUDICATE_DATABASE": database,
            "ADJUDICATE_ACCESS__MODE": "required",
            "ADJUDICATE_ACCESS__JWT_ISSUER": "https://login.example",
            "ADJUDICATE_ACCESS__JWT_AUDIENCE": "adjudicate",
            "ADJUDICATE_FETCH__HOSTS": "cdn.adjudicate.invalid",
            "ADJUDICATE_LIBRARY__AUDIT_SHARE": "1",
            "ADJUDICATE_JUDGE__BACKEND": "openai",
            "ADJUDICATE_JUDGE__URL": f"http://127.0.0.1:{dead}/v1",
            "ADJUDICATE_JUDGE__MODEL": "any",
            "ADJUDICATE_TELEMETRY__OTLP_ENDPOINT": f"127.0.0.1:{dead}",
            "ADJUDICATE_TELEMETRY__LOG_LEVEL": "DEBUG",
            "ADJUDICATE_TELEMETRY__LOG_LEVELS": "httpx=DEBUG,httpcore=DEBUG,urllib3=DEBUG",
        },
    )
    claims = {"iss": "https://login.example", "aud": "adjudicate", "sub": "team-7"}
    claims |= {"scope": "review", "exp": time.time() + 600}
    token = jwt.encode(claims, JWT_SECRET, "HS256")
    told = Story(text, key.id, token, picture())
    service.start()
    try:
        # Not until it is well: its judge has no server, and fails its canary.
        assert service.wait_for_output("ready (", READY_S), service.output()
        asyncio.run(ask_well(service, told))
        ask_badly(service, told)
        postgres.stop("immediate")
        try:
            asyncio.run(ask_without_database(service, told))
        finally:
            postgres.start()
    finally:
        service.stop()
    told.text = service.output()
    return told


async def ask_well(service: Service, told: Story) -> None:
    for protocol, url in service.urls.items():
        credential = told.key if protocol == "grpc" else told.token
        async with AsyncClient(url, api_key=credential, retries=0) as client:
            told.decisions += await client.review_all(ads(protocol, told.picture))


def ask_badly(service: Service, told: Story) -> None:
    asyncio.run(ask_with_a_wrong_key(service, told))
    url = f"{service.urls['http']}/v1/review"
    good = {"authorization": f"Bearer {told.key}"}
    for answer in (
        httpx.post(f"{url}?access_token={told.key}", json={}, headers=good),
        httpx.post(url, headers=good, json={"ads": []}),
        httpx.post(url, headers=good, json={"ads": [{"text": COPY}], "note": COPY}),
        httpx.post(url, headers=good, json={"ads": [{"text": 1, WORDS: COPY}]}),
        httpx.post(
            url, headers={**good, "content-type": "application/json"}, content=COPY.encode()
        ),
        httpx.get(f"{service.urls['http']}/v1/decisions/{WORDS}", headers=good),
        httpx.get(f"{service.urls['http']}/v1/{WORDS}", headers=good),
    ):
        told.refused.append(answer.json().get("code", ""))


async def ask_with_a_wrong_key(service: Service, told: Story) -> None:
    for url in service.urls.values():
        async with AsyncClient(url, api_key=WRONG_KEY, retries=0) as client:
            with pytest.raises(AdjudicateError):
                await client.review_all(ads("wrong", told.picture))


async def ask_without_database(service: Service, told: Story) -> None:
    """The key is held to be good for a while; the decisions cannot be written."""
    async with AsyncClient(service.urls["http"], api_key=told.token, retries=0) as client:
        with suppress(AdjudicateError):
            told.decisions += await client.review_all(ads("lost", told.picture))


def test_every_line_of_every_process_is_one_json_object(story: Story) -> None:
    for line in story.lines:
        assert {"timestamp", "level", "room", "logger", "event"} <= set(line)
    rooms = {line["room"] for line in story.lines}
    assert rooms == {"supervisor", "gateway", "encoder", "library", "judge", "ledger"}


def test_nothing_planted_is_in_any_line(story: Story) -> None:
    coded = base64.b64encode(story.picture).decode()
    secrets = (*PLANTED, story.key, story.key[17:], story.token, story.token.split(".")[2])
    for secret in (*secrets, coded[40:80], coded[-60:-20]):
        escaped = secret.encode("unicode_escape").decode()
        for form in {secret, json.dumps(secret)[1:-1], escaped, ascii(secret)[1:-1]}:
            (found,) = {form in story.text}
            assert not found, next(one for one in story.text.splitlines() if form in one)


def test_the_database_did_fail_and_the_log_says_where(story: Story) -> None:
    failed = [line for line in story.lines if line["room"] == "ledger" and "exception" in line]
    assert failed
    assert "sqlalchemy.exc." in failed[0]["exception"]
    assert "Traceback" in failed[0]["exception"]


def test_each_review_is_one_line_with_its_trace_and_its_stages(story: Story) -> None:
    lines = {line["decision"]: line for line in story.named("adjudicate.reviews")}
    assert len(lines) == len(story.named("adjudicate.reviews"))
    asked = [one for one in story.decisions if not one.ad_id.startswith("lost")]
    assert len(asked) == 15
    for decision in asked:
        line = lines[decision.id]
        assert (line["ad"], line["outcome"]) == (decision.ad_id, decision.outcome)
        assert line["trace_id"] == decision.trace_id
        assert line.get("code", "") == (decision.problem.code if decision.problem else "")
        stages = {"encoder", "ledger"} | (set() if decision.problem else {"library"})
        assert stages <= set(line["ms"])
    assert len(lines) == len(asked) + 1 + 5, "one ad with a wrong field, five without a database"


def test_what_the_ledger_never_saw_is_a_line_of_the_gateway(story: Story) -> None:
    lines = [line for line in story.named("adjudicate.requests") if line["event"] != "answered"]
    keyless = [line for line in lines if line["code"] == "unauthenticated"]
    assert {line["protocol"] for line in keyless} == {"grpc", "http", "ws"}
    assert not [line for line in keyless if "caller" in line]
    of_the_key = {line["code"] for line in lines if line.get("caller") == f"key:{story.key_id}"}
    assert of_the_key >= set(story.refused) - {"unauthenticated", ""}
    assert {"no_ads", "not_found", "malformed_request"} <= of_the_key
    answered = [line for line in story.named("adjudicate.requests") if line["event"] == "answered"]
    assert {line["caller"] for line in answered} == {f"key:{story.key_id}", "jwt:team-7"}


def test_a_refused_request_has_a_trace_id(story: Story) -> None:
    lines = [line for line in story.named("adjudicate.requests") if line["code"] == "no_ads"]
    assert lines
    assert all(len(line["trace_id"]) == 32 for line in lines)


def test_starts_and_stops_are_told_by_who_does_so(story: Story) -> None:
    loaded = {line["room"] for line in story.lines if "loaded in" in line["event"]}
    assert loaded == {"encoder", "library", "judge", "ledger"}
    said = [line["event"] for line in story.named("adjudicate.supervisor")]
    assert said[0].startswith("ready (gRPC ")
    assert said[-1] == "stopped"


def test_what_refuses_to_start_is_one_line_by_who_refuses() -> None:
    wrong = {"ADJUDICATE_ENCODER__PRECISION": "bf15", "PATH": "/usr/bin", "HOME": "/tmp"}
    ended = subprocess.run(
        [sys.executable, "-m", "adjudicate", "up"], cwd=ROOT, env=wrong, capture_output=True
    )
    (line,) = map(json.loads, ended.stderr.splitlines())
    assert (ended.returncode, line["level"], line["room"]) == (78, "critical", "supervisor")
    assert line["event"].startswith("ADJUDICATE_ENCODER__PRECISION: ")
