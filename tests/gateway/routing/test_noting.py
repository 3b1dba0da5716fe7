"""What callers change through the gateway stands in the audit trail, under their name."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from docarray import DocList

from adjudicate.documents import (
    AuditDeed,
    Bank,
    Exemplar,
    Lookup,
    ModelVersion,
    PersonVerdict,
    Problem,
    Reference,
    ThresholdVersion,
)
from adjudicate.errors import Code, RequestError
from executors.gateway.caller import CALLER, Caller, Scope
from executors.gateway.door import INTERNAL
from executors.gateway.routing.noting import NOTED, deeds
from executors.gateway.routing.pictures import documents
from executors.gateway.routing.rooms import Rooms
from tests.gateway.routing.conftest import Pool, answering


def told(endpoint: str, answer: Any, parameters: dict[str, Any] | None = None) -> list[Any]:
    """What, subject, and facts of each deed."""
    found = deeds(endpoint, parameters or {}, documents(answering(DocList[type(answer)]([answer]))))
    return [(deed.what, deed.subject, json.loads(deed.facts)) for deed in found]


NOT_FOUND = Problem(code=Code.NOT_FOUND, detail="there is none")


def test_each_change_is_told_with_codes_and_without_free_text() -> None:
    exemplar = Exemplar(
        id="e1", text="Cures all", category="cure", rule="R-1", content_hash="c", note="Mei's",
        added_by="mei",
    )  # fmt: skip
    labels = {"category": "cure", "rule": "R-1", "severity": "medium", "polarity": "violation"}
    assert told("/library/add", exemplar) == [
        ("exemplar_added", "e1", {**labels, "bank": "main", "content_hash": "c"})
    ]
    given = {"enabled": False, "why": "Mei said so", "by": "mei", "rule": "R-2"}
    assert told("/library/set", exemplar, given) == [
        ("exemplar_changed", "e1", {"enabled": False, "rule": "R-2"})
    ]
    assert told("/library/remove", Lookup(id="e1", found=True)) == [
        ("exemplar_changed", "e1", {"removed": True})
    ]
    assert told("/library/bank", Bank(name="spring", enabled=False)) == [
        ("bank_changed", "spring", {"enabled": False})
    ]
    version = ThresholdVersion(id="77ab", encoder_version="clip", state="active", note="why")
    for endpoint in ("/thresholds/add", "/thresholds/set"):
        assert told(endpoint, version) == [
            ("threshold_set", "77ab", {"encoder_version": "clip", "state": "active"})
        ]
    reference = Reference(encoder_version="clip", ads=200, created_by="mei", note="why")
    assert told("/quality/reference", reference) == [("reference_set", "clip", {"ads": 200})]
    model = ModelVersion(id="ours", version="70c1")
    assert told("/models/load", model) == [("model_loaded", "ours", {"version": "70c1"})]


@pytest.mark.parametrize(
    ("endpoint", "answer", "parameters"),
    [
        ("/library/add", Exemplar(id="e1", problem=NOT_FOUND), {}),
        ("/library/add", Exemplar(id="e1", repeats="e0"), {}),
        ("/library/add", Exemplar(id="e1"), {"dry_run": True}),
        ("/library/remove", Lookup(id="e1", found=False), {}),
        ("/thresholds/set", ThresholdVersion(id="77ab", problem=NOT_FOUND), {}),
        ("/library/list", Exemplar(id="e1"), {}),
    ],
)
def test_what_changed_nothing_is_not_told(
    endpoint: str, answer: Any, parameters: dict[str, Any]
) -> None:
    assert told(endpoint, answer, parameters) == []


async def test_who_asked_is_the_one_that_did_it(rooms: Rooms, pool: Pool) -> None:
    pool.answers = DocList[Bank]([Bank(name="spring")])
    token = CALLER.set(Caller("jwt:omar", "Omar", frozenset({Scope.LIBRARY})))
    try:
        await rooms.post("/library/bank", DocList[Lookup]([Lookup(id="spring")]), Bank)
    finally:
        CALLER.reset(token)
    assert [(deed.what, deed.by) for deed in pool.deeds] == [("bank_changed", "jwt:omar")]


async def test_requests_of_the_jina_clients_are_noted_too(rooms: Rooms, pool: Pool) -> None:
    pool.answers = DocList[Bank]([Bank(name="spring")])
    request = answering(DocList[Lookup]([Lookup(id="spring")]))
    request.header.exec_endpoint = "/library/bank"
    await rooms.answer(request)
    assert [deed.subject for deed in pool.deeds] == ["spring"]


async def test_the_console_notes_what_people_do_there(rooms: Rooms, pool: Pool) -> None:
    await rooms.note("signed_in", "mei", {"way": "key"})
    (deed,) = pool.deeds
    assert (deed.what, deed.subject, deed.by) == ("signed_in", "mei", "key:mei")
    assert json.loads(deed.facts) == {"way": "key"}


async def test_a_change_stands_though_it_cannot_be_noted_and_the_log_says_so(
    rooms: Rooms, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    pool.answers = DocList[Bank]([Bank(name="spring")])
    pool.problem = Problem(code=Code.INTERNAL, detail="the disk is full")
    with caplog.at_level(logging.ERROR):
        found = await rooms.post("/library/bank", DocList[Lookup]([Lookup(id="spring")]), Bank)
    assert found[0].name == "spring"
    (line,) = [record.getMessage() for record in caplog.records]
    assert "the disk is full" in line
    assert "bank_changed spring by key:mei" in line


@pytest.mark.parametrize("endpoint", sorted(INTERNAL))
async def test_nobody_outside_reaches_what_only_the_gateway_asks(
    rooms: Rooms, pool: Pool, endpoint: str
) -> None:
    """An admin neither: else a trail would tell what nobody did."""
    request = answering(DocList[AuditDeed]([AuditDeed(what="erased", subject="all", by="key:x")]))
    request.header.exec_endpoint = endpoint
    response = await rooms.answer(request)
    assert response.header.status.exception.name == RequestError.__name__
    assert "there is no endpoint" in response.header.status.description
    assert pool.asked == []


async def test_a_verdict_comes_with_the_callers_key_whatever_the_client_wrote(
    rooms: Rooms, pool: Pool
) -> None:
    pool.answers = DocList[PersonVerdict]([PersonVerdict()])
    asked = PersonVerdict(id="d1", verdict="upheld", by="Mei", caller="key:another")
    await rooms.post("/decision/verdict", DocList[PersonVerdict]([asked]), PersonVerdict)
    (request,) = pool.asked
    request.document_array_cls = DocList[PersonVerdict]
    (sent,) = request.data.docs
    assert (sent.by, sent.caller) == ("Mei", "key:mei")


def test_every_endpoint_that_changes_library_or_judge_is_noted() -> None:
    changing = {"/library/add", "/library/set", "/library/remove", "/library/bank"}
    assert set(NOTED) >= changing | {"/thresholds/add", "/thresholds/set", "/models/load"}
