"""Who asks is what the gateway says, whatever the client wrote."""

from __future__ import annotations

import pytest
from docarray import DocList
from jina.types.request.data import DataRequest

from adjudicate.documents import Appeal, AppealAsk, Claim, QueueAsk, Review
from executors.gateway.caller import OPEN, SERVICE, Caller, Scope
from executors.gateway.door import INTERNAL, NEEDS
from executors.gateway.routing.endpoints import DIRECT
from executors.gateway.routing.pictures import documents
from executors.gateway.routing.signing import SIGNED, role_of, sign


@pytest.mark.parametrize("kind", [Appeal, AppealAsk, Claim, QueueAsk, Review])
def test_what_the_client_wrote_is_overwritten(kind: type) -> None:
    request = DataRequest()
    request.document_array_cls = DocList[kind]
    request.data.docs = DocList[kind]([kind(by="key:else", by_name="Else", role="admin")])
    sign(documents(request), Caller("key:ann", "Ann", frozenset({Scope.CONSOLE})))
    came = DataRequest(request.SerializeToString())
    came.document_array_cls = DocList[kind]
    (document,) = came.data.docs
    assert (document.by, document.by_name, document.role) == ("key:ann", "Ann", "reviewer")


def test_a_field_of_another_kind_is_overwritten_too() -> None:
    request = DataRequest()
    request.document_array_cls = DocList[Review]
    request.data.docs = DocList[Review]([Review()])
    (packed,) = documents(request)
    packed.data["by"].integer = 7
    sign(documents(request), OPEN)
    assert packed.data["by"].text == "open"


@pytest.mark.parametrize(
    ("scopes", "role"),
    [
        ({Scope.REVIEW}, "client"),
        ({Scope.AUDIT, Scope.REVIEW}, "auditor"),
        ({Scope.AUDIT, Scope.CONSOLE}, "reviewer"),
        ({Scope.CONSOLE, Scope.LEAD}, "lead"),
        ({Scope.ADMIN}, "admin"),
    ],
)
def test_the_role_is_the_one_that_may_most(scopes: set[Scope], role: str) -> None:
    assert role_of(Caller("key:x", "", frozenset(scopes))) == role


def test_nobody_is_the_gateway_itself() -> None:
    request = DataRequest()
    request.document_array_cls = DocList[Review]
    request.data.docs = DocList[Review]([Review(by="key:else")])
    sign(documents(request), None)
    assert documents(request)[0].data["by"].text == SERVICE.id


def test_what_is_signed_has_a_scope_and_a_room() -> None:
    assert set(NEEDS) | INTERNAL >= SIGNED
    assert set(DIRECT) >= SIGNED
