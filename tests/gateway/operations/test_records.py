"""What is on record, in the JSON contract and on its routes."""

from __future__ import annotations

import base64
import csv
from pathlib import Path
from typing import Any

import httpx
import pytest
from docarray import DocList

from adjudicate.documents import DecisionRow
from adjudicate.errors import Code, RequestError, ServiceError
from executors.gateway.caller import CALLER, Caller, Scope
from executors.gateway.door import Door
from executors.gateway.operations.records import RecordsApi
from executors.gateway.protocols.http import create_app
from executors.shared.pictures import PictureStore
from executors.shared.settings import GatewaySettings
from tests.gateway.protocols.record_rooms import PHASH, PICTURE, RECORD_ANSWERS
from tests.gateway.protocols.rooms import FakeRooms


class Rooms(FakeRooms):
    """Notes what it was asked, and answers as many rows as a test wants."""

    def __init__(self, rows: int = 1) -> None:
        super().__init__()
        self.docs: dict[str, Any] = {}
        self.rows = rows

    async def post(self, endpoint: str, docs: Any, answers: Any, **more: Any) -> Any:
        self.docs[endpoint] = docs
        if endpoint == "/decisions/search":
            return DocList[DecisionRow]([DecisionRow(id=f"{at}") for at in range(self.rows)])
        return DocList[answers](RECORD_ANSWERS[endpoint](docs))


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    return PictureStore(str(tmp_path))


@pytest.fixture
def records(rooms: Rooms, store: PictureStore) -> RecordsApi:
    return RecordsApi(rooms, store)  # type: ignore[arg-type]


async def test_a_case_file_is_plain_data(records: RecordsApi) -> None:
    file = await records.case("known")
    assert file["decision"]["outcome"] == "escalate"
    assert file["evidence"]["text"] == "Cures all"
    assert file["item"]["state"] == "open"
    assert [review["answer"] for review in file["reviews"]] == ["skip"]
    assert file["near"][0]["rule"] == "US-FTC"
    assert file["history_counts"] == {"reject": 1}
    with pytest.raises(RequestError) as refused:
        await records.case("none")
    assert refused.value.code == Code.NOT_FOUND


async def test_a_search_sends_on_what_was_asked(records: RecordsApi, rooms: Rooms) -> None:
    found = await records.search({"id": "ad-1", "text": "cure", "rule": "HF-*", "limit": 7})
    (asked,) = rooms.docs["/decisions/search"]
    assert (asked.decision, asked.text, asked.rule, asked.limit) == ("ad-1", "cure", "HF-*", 7)
    assert [row["id"] for row in found["decisions"]] == ["0"]
    assert found["after"] == "", "it was the last page"


async def test_a_full_page_says_where_the_next_begins(records: RecordsApi, rooms: Rooms) -> None:
    rooms.rows = 3
    assert (await records.search({"limit": 3}))["after"] == "2"
    assert (await records.search({"limit": 4}))["after"] == ""


@pytest.mark.parametrize("image", [b"bytes", base64.b64encode(b"bytes").decode()])
async def test_a_picture_is_hashed_first_and_its_hashes_come_back(
    records: RecordsApi, rooms: Rooms, image: Any
) -> None:
    found = await records.search({"image": image, "outcome": "reject"})
    (ad,) = rooms.docs["/hash"]
    (asked,) = rooms.docs["/decisions/search"]
    assert ad.image == b"bytes"
    assert (asked.picture, asked.phash, asked.outcome) == (PICTURE, PHASH, "reject")
    assert (found["picture"], found["phash"]) == (PICTURE, PHASH)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"image": "no base64!"}, Code.IMAGE_BASE64),
        ({"image": 7}, Code.IMAGE_BASE64),
        ({"text": 7}, Code.INVALID_FIELD),
        ({"advertiser": "a\0"}, Code.INVALID_FIELD),
        ({"limit": 0}, Code.MALFORMED),
        ({"limit": "many"}, Code.MALFORMED),
    ],
)
async def test_a_search_that_cannot_be_is_refused(
    records: RecordsApi, body: dict[str, Any], code: Code
) -> None:
    with pytest.raises(RequestError) as refused:
        await records.search(body)
    assert refused.value.code == code


async def test_csv_runs_no_formula_of_a_strangers(records: RecordsApi) -> None:
    lines = [line async for line in records.csv({})]
    (row,) = csv.DictReader(lines)
    assert row["text"] == '\'=HYPERLINK("http://x")'
    assert row["reasons"] == '["a", "b"]'
    assert row["judged"] == "false"


async def test_a_kept_picture_is_given_out_to_those_who_may_look(
    rooms: Rooms, records: RecordsApi, store: PictureStore
) -> None:
    picture = store.put(b"picture")
    assert await records.picture(picture) == b"picture"
    rooms.door = Door(None)
    client = CALLER.set(Caller("key:1", scopes=frozenset({Scope.REVIEW})))
    try:
        with pytest.raises(RequestError) as refused:
            await records.picture(picture)
    finally:
        CALLER.reset(client)
    assert refused.value.code == Code.FORBIDDEN


@pytest.mark.parametrize("name", ["0" * 64, "../../etc/passwd"])
async def test_a_picture_that_is_not_kept_is_not_found(records: RecordsApi, name: str) -> None:
    with pytest.raises(RequestError, match="is not kept") as refused:
        await records.picture(name)
    assert refused.value.code == Code.NOT_FOUND


async def test_a_store_that_fails_is_the_services_fault(
    records: RecordsApi, store: PictureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(picture: str) -> bytes:
        raise OSError("the disk is gone")

    monkeypatch.setattr(store, "get", broken)
    with pytest.raises(ServiceError, match="cannot be read"):
        await records.picture("0" * 64)


async def test_nothing_is_erased_unless_it_is_said(records: RecordsApi, rooms: Rooms) -> None:
    done = await records.erase({"advertiser": "Acme"})
    assert (done["dry_run"], done["decisions"]) == (True, 3)
    await records.erase({"ad": "ad-1", "dry_run": False})
    (asked,) = rooms.docs["/erase"]
    assert (asked.ad, asked.dry_run) == ("ad-1", False)
    assert (await records.expire({}))["dry_run"] is True
    assert (await records.expire({"dry_run": False}))["pictures"] == 2
    with pytest.raises(RequestError, match="true or false"):
        await records.erase({"ad": "ad-1", "dry_run": "no"})


@pytest.fixture
def http(rooms: Rooms, store: PictureStore) -> httpx.AsyncClient:
    from executors.gateway.operations.api import Api

    api = Api(rooms, GatewaySettings(), pictures=store)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(create_app(api, 10_000), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_the_routes_answer(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/decisions/known/case")).json()["id"] == "known"
    found = await http.post("/v1/records/search", json={"text": "cure"})
    assert [row["id"] for row in found.json()["decisions"]] == ["0"]
    exported = await http.post("/v1/records/export", json={"since": "2026-01-01"})
    assert exported.json()["decisions"][0]["outcome"] == "reject"
    erased = await http.post("/v1/records/erase", json={"ad": "ad", "dry_run": False})
    assert erased.json()["decisions"] == 3
    assert (await http.post("/v1/records/expire", json={})).json()["dry_run"] is True
    misspelt = await http.post("/v1/records/erase", json={"ad": "ad", "dryrun": False})
    assert misspelt.status_code == 400


async def test_a_picture_comes_as_a_file_that_no_browser_shows(
    http: httpx.AsyncClient, store: PictureStore
) -> None:
    picture = store.put(b"<svg onload=alert(1)>")
    answer = await http.get(f"/v1/pictures/{picture}")
    assert answer.content == b"<svg onload=alert(1)>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await http.get("/v1/pictures/nothing")).status_code == 404
