"""Documents on the wire are what docarray makes of them, and come back as they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from docarray import BaseDoc, DocList
from docarray.proto import DocProto
from pydantic import ValidationError

from adjudicate.documents import (
    Ad,
    Bank,
    Candidate,
    Case,
    Decision,
    Exemplar,
    Finding,
    Match,
    Problem,
    Ranking,
    RoomStatus,
)
from adjudicate.images import EncodedImage

MATCHES = DocList[Match](
    [Match(exemplar_id="x", similarity=0.5, signal="text"), Match(exemplar_id="")]
)
DOCUMENTS = [
    Ad(id="a", image=b"\xff\x00", text="茶", context={"a": "b"}, deadline=1.5, market="CN"),
    Ad(id="b", problem=Problem(code="ad_empty")),
    Case(
        ad_id="a",
        image_embedding=np.arange(4, dtype=np.float32),
        text_embedding=np.ones((2, 4), dtype=np.float32),
        matches=MATCHES,
        flagged=True,
        shadow_flagged=False,
        probability=0.0,
        reasons=["one", "two"],
        versions={"encoder": "e"},
        timings={"encoder": 1.25},
        findings=DocList[Finding]([Finding(rule="r", verdict="violation")]),
    ),
    Case(),
    Decision(ad_id="a", matches=MATCHES, audit=True, timings={"ledger": 2.0}),
    Exemplar(image=b"x", hits={"flagged": 2}, phash="ab", enabled=False),
    Ranking(text="q", candidates=DocList[Candidate]([Candidate(text="c", place=3)])),
    RoomStatus(room="judge", pid=7, facts={"a": "b"}, counters={"n": 2}),
    Bank(name="main", exemplars=3),
]


def plain(document: BaseDoc) -> Any:
    """Its fields, arrays and nested documents included, as data that can be compared."""
    return {
        name: (
            value.tolist()
            if isinstance(value, np.ndarray)
            else [plain(item) for item in value]
            if isinstance(value, DocList)
            else plain(value)
            if isinstance(value, BaseDoc)
            else value
        )
        for name, value in document.__dict__.items()
    }


def over_the_wire(message: Any) -> Any:
    return DocProto.FromString(message.SerializeToString())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: type(one).__name__)
def test_a_document_comes_back_as_it_was(document: Any) -> None:
    back = type(document).from_protobuf(over_the_wire(document.to_protobuf()))
    assert plain(back) == plain(document)
    assert [type(value) for value in back.__dict__.values()] == [
        type(value) for value in document.__dict__.values()
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: type(one).__name__)
def test_docarray_reads_what_is_written_and_the_other_way_round(document: Any) -> None:
    docarrays = BaseDoc.to_protobuf(document)
    read = BaseDoc.from_protobuf.__func__(type(document), over_the_wire(document.to_protobuf()))
    assert plain(read) == plain(document)
    assert plain(type(document).from_protobuf(over_the_wire(docarrays))) == plain(document)


def test_what_a_client_gets_is_word_for_word_docarrays_own() -> None:
    decision = DOCUMENTS[4]
    assert decision.to_protobuf() == BaseDoc.to_protobuf(decision)


def test_a_case_leaves_out_what_it_does_not_hold_but_never_whether_it_is_flagged() -> None:
    names = set(Case(text="tea").to_protobuf().data)
    assert {"id", "text", "flagged"} <= names
    assert not names & {"image", "url", "matches", "image_embedding", "versions", "verdict"}


def test_a_picture_stays_the_type_that_it_is() -> None:
    back = Ad.from_protobuf(over_the_wire(Ad(image=b"\x00\x01").to_protobuf()))
    assert type(back.image) is EncodedImage
    assert back.image == b"\x00\x01"


def test_a_value_that_does_not_fit_is_refused() -> None:
    message = Exemplar(text="tea").to_protobuf()
    message.data["polarity"].text = "neither"
    with pytest.raises(ValidationError):
        Exemplar.from_protobuf(message)


def test_a_field_that_is_not_known_is_passed_over_as_docarray_does() -> None:
    message = Exemplar(text="tea").to_protobuf()
    message.data["colour"].text = "red"
    assert Exemplar.from_protobuf(message).text == "tea"


def test_what_protobuf_cannot_hold_is_said() -> None:
    with pytest.raises(ValueError, match="not supported"):
        Decision.model_construct(id="a", rule={1, object()}).to_protobuf()
