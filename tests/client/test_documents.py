"""The documents keep what they carry through JSON and protobuf; nothing unparsable is lost."""

from __future__ import annotations

import numpy as np
import pytest
from docarray import BaseDoc, DocList
from docarray.utils.filter import filter_docs
from pydantic import Field, ValidationError

from adjudicate.documents import AD_FIELDS, Ad, Case, Decision, Exemplar, Finding, Match, Problem

PICTURE = bytes(range(256)) * 3


def full_case() -> Case:
    return Case(
        image=PICTURE,
        text="包治百病",
        market="CN",
        context={"slot": "feed"},
        image_embedding=np.arange(4, dtype=np.float32),
        text_embedding=np.ones((2, 4), dtype=np.float32),
        matches=DocList[Match]([Match(exemplar_id="e1", similarity=0.5)]),
        findings=DocList[Finding]([Finding(rule="CN-AL-18", claim="包治百病", probability=0.9)]),
        flagged=True,
        timings={"encoder": 1.5},
        problem=Problem(code="ad_empty"),
    )


def assert_same(one: Case, other: Case) -> None:
    assert other.image == one.image
    assert (other.text, other.market, other.context) == (one.text, one.market, one.context)
    assert np.array_equal(other.image_embedding, one.image_embedding)
    assert np.array_equal(other.text_embedding, one.text_embedding)
    assert other.matches[0].similarity == one.matches[0].similarity
    assert other.findings[0].claim == one.findings[0].claim
    assert (other.flagged, other.timings) == (one.flagged, one.timings)
    assert other.problem is not None
    assert other.problem.code == "ad_empty"


def test_a_case_is_the_same_after_protobuf() -> None:
    case = full_case()
    message = DocList[Case]([case]).to_protobuf().SerializeToString()
    proto = type(DocList[Case]().to_protobuf()).FromString(message)
    assert_same(case, DocList[Case].from_protobuf(proto)[0])


def test_a_case_is_the_same_after_json() -> None:
    case = full_case()
    assert_same(case, Case.parse_raw(case.json()))


def test_an_ad_without_a_picture_stays_without_one() -> None:
    for back in (
        Ad.parse_raw(Ad(text="x").json()),
        DocList[Ad].from_protobuf(DocList[Ad]([Ad(text="x")]).to_protobuf())[0],
    ):
        assert back.image is None


def test_a_when_filter_keeps_the_picture() -> None:
    kept = filter_docs(
        DocList[Case]([full_case(), Case(text="unflagged")]), {"flagged": {"$eq": True}}
    )
    assert [case.image for case in kept] == [PICTURE]


def test_a_case_has_its_own_id_so_that_two_ads_of_one_id_stay_two() -> None:
    ad = Ad(id="same", image=PICTURE, text="x", problem=Problem(code="invalid_field"))
    one, two = Case.of(ad), Case.of(ad)
    assert one.id != two.id
    assert one.ad_id == two.ad_id == "same"
    for field in (*AD_FIELDS, "problem"):
        if field != "id":
            assert getattr(one, field) == getattr(ad, field)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"imgae": "AAAA"}, "unknown_field"),
        ({"problem": {"code": "x"}}, "unknown_field"),
        ({"image": "no base64!"}, "image_base64"),
        ({"image": 7}, "invalid_field"),
        ({"text": ["a"]}, "invalid_field"),
        ({"market": "MARS"}, "invalid_field"),
        ({"id": ""}, "invalid_field"),
        ({"id": "x" * 201}, "invalid_field"),
        ({"context": {"a": 1}}, "invalid_field"),
    ],
)
def test_an_ad_that_cannot_be_parsed_carries_its_problem(data: dict, code: str) -> None:
    ad = Ad.parse(data)
    assert ad.problem is not None
    assert ad.problem.code == code
    assert ad.problem.detail


def test_the_id_of_an_ad_that_cannot_be_parsed_is_kept() -> None:
    assert Ad.parse({"id": "mine", "market": "MARS"}).id == "mine"


def test_a_foreign_document_with_an_unknown_field_is_not_read_as_an_ad_without_it() -> None:
    class Foreign(BaseDoc):
        text: str = "fine"
        imgae: bytes = b"x"

    ad = Ad.from_protobuf(Foreign(id="f").to_protobuf())
    assert ad.id == "f"
    assert ad.problem is not None
    assert ad.problem.code == "unknown_field"


def test_a_room_leaves_a_later_releases_field_out_of_account() -> None:
    class Later(Case):
        weighed: str = ""

    later = Later(ad_id="a", flagged=True, weighed="twice", market="CN")
    case = Case.from_protobuf(later.to_protobuf())
    assert (case.problem, case.ad_id, case.flagged, case.market) == (None, "a", True, "CN")


def test_a_later_client_sends_an_older_service_only_the_fields_that_it_uses() -> None:
    class Later(Ad):
        channel: str = ""
        placements: list[str] = Field(default_factory=list)

    unused, used = Later(text="tea"), Later(text="tea", channel="radio")
    assert Ad.from_protobuf(unused.to_protobuf()).problem is None
    problem = Ad.from_protobuf(used.to_protobuf()).problem
    assert problem is not None
    assert (problem.code, problem.detail.split(";")[0]) == ("unknown_field", "not known: channel")


def test_a_foreign_document_with_a_wrong_value_carries_its_problem() -> None:
    class Foreign(BaseDoc):
        market: str = "MARS"

    ad = Ad.from_protobuf(Foreign(id="f").to_protobuf())
    assert ad.problem is not None
    assert ad.problem.code == "invalid_field"


def test_a_wrong_market_or_polarity_is_refused_where_the_document_is_built() -> None:
    with pytest.raises(ValidationError, match="CN, US, EU"):
        Ad(market="MARS")
    with pytest.raises(ValidationError, match="lookalike"):
        Exemplar(polarity="good")


def test_the_outcome_of_an_empty_decision_is_error() -> None:
    assert Decision().outcome == "error"


@pytest.mark.parametrize("key", ["k", "x" * 200, "order 7: ~!"])
def test_keys_are_printable_ascii(key: str) -> None:
    assert Ad.parse({"idempotency_key": key}).idempotency_key == key
    assert Case.of(Ad(idempotency_key=key)).idempotency_key == key


@pytest.mark.parametrize("key", ["", "x" * 201, "ключ", "a\n", "a\x00", 7])
def test_other_keys_are_the_ad_s_problem(key: object) -> None:
    ad = Ad.parse({"id": "a", "idempotency_key": key})
    assert ad.problem is not None
    assert (ad.id, ad.problem.code) == ("a", "invalid_field")
    assert "idempotency_key" in ad.problem.detail
