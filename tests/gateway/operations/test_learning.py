"""Teaching ties ledger and library: one request of the caller's, which can be repeated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from docarray import DocList

from adjudicate.documents import (
    Exemplar,
    Learning,
    Lesson,
    Lookup,
    Problem,
    Propagation,
    PropagationAsk,
    ThresholdEffect,
)
from adjudicate.errors import Code, RequestError, ServiceError
from executors.gateway.caller import CALLER, Caller, Scope
from executors.gateway.door import Door
from executors.gateway.operations.learning import LearningApi
from executors.shared.policy import Policy
from executors.shared.rule import Rule

MEI = Caller("key:mei", "Mei", frozenset({Scope.CONSOLE}))
RULE = Rule.model_validate(
    {
        "code": "R-1",
        "law": "A law",
        "article": "1",
        "markets": ["US"],
        "products": ["food"],
        "categories": ["cure"],
        "severity": "high",
        "text": {"en": "no cures", "zh": "不得"},
    }
)


class FakeRooms:
    """A ledger with one lesson, and a library that takes what it is given."""

    def __init__(self, **lesson: Any) -> None:
        self.door = Door(None)
        self.lesson = {"exemplar_id": "decision-d", "polarity": "violation", "rule": "R-1"} | lesson
        self.held: dict[str, Any] = {}
        self.asked: list[tuple[str, Any, Any]] = []
        self.problems: dict[str, Problem] = {}

    async def post(self, endpoint: str, docs: Any, answers: Any, *, parameters: Any = None) -> Any:
        async with self.door.enter(endpoint, len(docs)):
            (asked,) = docs
            self.asked.append((endpoint, asked.model_copy(), parameters))
            if endpoint in self.problems:
                return DocList[answers]([answers(id=asked.id, problem=self.problems[endpoint])])
            return DocList[answers]([self._answer(endpoint, asked)])

    def _answer(self, endpoint: str, asked: Any) -> Any:
        if endpoint == "/library/add":
            return asked.model_copy(update={"image": None, **self.held})
        if endpoint == "/library/remove":
            return Lookup(id=asked.id)
        if endpoint == "/learning/taught":
            return asked.model_copy(update={"at": "now"})
        if endpoint == "/learning/forgotten":
            self.lesson |= {"remove": False, "at": ""}
            return Lesson(id=asked.id, exemplar_id="decision-d", remove=self.removes)
        if endpoint == "/learning/lesson":
            return Lesson(id=asked.id, **self.lesson)
        return asked

    removes = True

    @property
    def endpoints(self) -> list[str]:
        return [endpoint for endpoint, _, _ in self.asked]


@pytest.fixture(autouse=True)
def _reviewer() -> Iterator[None]:
    token = CALLER.set(MEI)
    yield
    CALLER.reset(token)


async def picture(name: str) -> bytes:
    if name == "gone":
        raise RequestError(Code.NOT_FOUND, "the picture is not kept")
    return b"bytes of " + name.encode()


def api_of(rooms: FakeRooms) -> LearningApi:
    return LearningApi(rooms, lambda: Policy.of([RULE]), picture)  # type: ignore[arg-type]


async def test_a_confirmed_ad_becomes_an_exemplar_with_its_picture_and_copy() -> None:
    rooms = FakeRooms(bank="reviewed", text="Cures all", picture="p", by_name="Mei", note="twice")
    taught = await api_of(rooms).teach("d", {"note": "twice"})
    assert rooms.endpoints == ["/learning/lesson", "/library/add", "/learning/taught"]
    exemplar: Exemplar = rooms.asked[1][1]
    assert (exemplar.id, exemplar.text, bytes(exemplar.image or b"")) == (
        *("decision-d", "Cures all", b"bytes of p"),
    )
    assert (exemplar.category, exemplar.severity, exemplar.bank) == ("cure", "high", "reviewed")
    assert (exemplar.note, exemplar.added_by) == ("decision d: twice", "Mei")
    recorded: Lesson = rooms.asked[2][1]
    assert (recorded.exemplar_id, recorded.repeats) == ("decision-d", False)
    assert (taught["at"], taught["near_duplicate"]) == ("now", "")
    assert not {"role", "problem", "remove", "text"} & set(taught)


async def test_a_content_that_is_held_already_is_named() -> None:
    rooms = FakeRooms(text="Cures all")
    rooms.held = {"id": "imported", "repeats": "imported"}
    taught = await api_of(rooms).teach("d", {})
    assert (taught["exemplar_id"], taught["repeats"]) == ("imported", True)


async def test_what_was_taught_is_not_added_again() -> None:
    rooms = FakeRooms(at="then")
    assert (await api_of(rooms).teach("d", {}))["at"] == "then"
    assert rooms.endpoints == ["/learning/lesson"]


async def test_a_lesson_that_says_the_opposite_is_taken_back_first() -> None:
    rooms = FakeRooms(at="then", remove=True, text="Cures all")
    await api_of(rooms).teach("d", {})
    assert rooms.endpoints == [
        *("/learning/lesson", "/learning/forgotten", "/library/remove"),
        *("/learning/lesson", "/library/add", "/learning/taught"),
    ]


async def test_what_the_library_refuses_is_not_recorded() -> None:
    rooms = FakeRooms(text="Cures all")
    rooms.problems["/library/add"] = Problem(code=Code.INVALID_FIELD, detail="held as lookalike")
    with pytest.raises(RequestError, match="held as lookalike"):
        await api_of(rooms).teach("d", {})
    assert "/learning/taught" not in rooms.endpoints


async def test_an_ad_whose_picture_is_gone_is_not_taught_by_its_copy_alone() -> None:
    rooms = FakeRooms(text="Buy now", picture="gone")
    with pytest.raises(RequestError, match="not kept"):
        await api_of(rooms).teach("d", {})
    assert rooms.endpoints == ["/learning/lesson"]


async def test_a_reviewer_teaches_without_the_librarys_scope_and_a_client_does_not() -> None:
    rooms = FakeRooms(text="Cures all")
    await api_of(rooms).teach("d", {})
    CALLER.set(Caller("key:shop", "shop", frozenset({Scope.REVIEW})))
    with pytest.raises(RequestError) as error:
        await api_of(rooms).teach("d", {})
    assert error.value.code is Code.FORBIDDEN


async def test_a_lesson_that_is_taken_back_leaves_the_library() -> None:
    rooms = FakeRooms()
    await api_of(rooms).forget("d", {"note": "wrong"})
    assert rooms.endpoints == ["/learning/forgotten", "/library/remove"]
    assert rooms.asked[1][1].id == "decision-d"
    assert rooms.asked[1][2] == {"by": "Mei", "why": "wrong"}
    rooms.removes = False
    rooms.asked.clear()
    await api_of(rooms).forget("d", {})
    assert rooms.endpoints == ["/learning/forgotten"]


async def test_an_answer_that_is_undone_takes_its_lesson_back_if_there_is_one() -> None:
    rooms = FakeRooms()
    await api_of(rooms).undone("d")
    assert rooms.endpoints == ["/learning/forgotten", "/library/remove"]
    rooms.problems["/learning/forgotten"] = Problem(code=Code.NOT_FOUND, detail="taught nothing")
    await api_of(rooms).undone("d")
    rooms.problems["/learning/forgotten"] = Problem(code=Code.INTERNAL, detail="broken")
    with pytest.raises(ServiceError):
        await api_of(rooms).undone("d")


async def test_a_propagation_is_asked_for_as_the_body_says() -> None:
    rooms = FakeRooms()
    body = {"decision_id": "d", "past": True, "since": "2026-01-01", "only": ["a"], "note": "n"}
    shown = await api_of(rooms).propagate(body)
    assert rooms.endpoints == ["/learning/apply"]
    asked: Propagation = rooms.asked[0][1]
    assert (asked.decision_id, asked.past, asked.since) == ("d", True, "2026-01-01")
    assert (asked.only, asked.note) == (["a"], "n")
    assert not {"role", "problem", "only"} & set(shown)
    await api_of(rooms).propagate({"decision_id": "d", "dry_run": True})
    assert rooms.endpoints[-1] == "/learning/preview"
    for wrong in ({"decision_id": 1}, {"decision_id": "d", "past": "perhaps"}, {"only": "a"}):
        with pytest.raises(RequestError):
            await api_of(rooms).preview(wrong)


async def test_one_propagation_is_asked_for_by_its_id_and_a_page_by_none() -> None:
    rooms = FakeRooms()

    def answer(endpoint: str, asked: PropagationAsk) -> Propagation:
        return Propagation(id=asked.id or "first")

    rooms._answer = answer  # type: ignore[method-assign]
    assert (await api_of(rooms).propagation("p"))["id"] == "p"
    page = await api_of(rooms).propagations({"decision_id": "d", "limit": 3})
    assert [one["id"] for one in page["propagations"]] == ["first"]
    asked: PropagationAsk = rooms.asked[1][1]
    assert (asked.id, asked.decision_id, asked.limit) == ("", "d", 3)
    with pytest.raises(RequestError):
        await api_of(rooms).propagation("")


async def test_figures_are_shown_without_the_ids_that_only_jina_needs() -> None:
    rooms = FakeRooms()
    shown = await api_of(rooms).figures({"hours": "48"})
    asked: Learning = rooms.asked[0][1]
    assert asked.hours == 48
    assert not {"id", "problem"} & set(shown)
    asked_for = {"category": "cure", "signal": "image", "threshold": "0.75"}
    await api_of(rooms).effect(asked_for)
    effect: ThresholdEffect = rooms.asked[1][1]
    assert (effect.category, effect.signal, effect.threshold) == ("cure", "image", 0.75)
    for wrong in ({"threshold": "high"}, {"threshold": True}, {"category": 7}):
        with pytest.raises(RequestError):
            await api_of(rooms).effect(wrong)
