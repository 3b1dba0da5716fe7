"""The gateway's part in what people settle: on every protocol, since all lead through `Rooms`."""

from __future__ import annotations

from typing import Any

import pytest
from docarray import DocList

from adjudicate.documents import Appeal, Problem, QueueItem, Review
from adjudicate.errors import Code, RequestError
from executors.gateway.routing.rooms import Rooms
from executors.gateway.routing.settling import Settling
from executors.shared.policies import load_policy
from executors.shared.policy import Policy
from executors.shared.settings import ROOT
from tests.gateway.routing.conftest import Pool, answering

POLICY = load_policy(ROOT / "policies")


@pytest.fixture
def undone(rooms: Rooms) -> list[str]:
    """The decisions of which an answer was taken back."""
    found: list[str] = []

    async def note(decision_id: str) -> None:
        found.append(decision_id)

    rooms.settling = Settling(lambda: POLICY, note)
    return found


def asking(endpoint: str, document: Any) -> Any:
    """As one of Jina's clients sends it."""
    request = answering(DocList[type(document)]([document]))
    request.header.exec_endpoint = endpoint
    return request


@pytest.mark.parametrize(
    ("endpoint", "document"),
    [
        ("/queue/review", Review(id="d", answer="violation", rule="CN-NONE")),
        ("/appeals/decide", Appeal(id="a", state="overturned", rule="CN-NONE")),
    ],
)
async def test_a_rule_that_the_policy_lacks_settles_nothing(
    rooms: Rooms, pool: Pool, undone: list[str], endpoint: str, document: Any
) -> None:
    response = await rooms.answer(asking(endpoint, document))
    assert "the policy has no rule 'CN-NONE'" in response.header.status.description
    with pytest.raises(RequestError) as error:
        await rooms.post(endpoint, DocList[type(document)]([document]), type(document))
    assert error.value.code is Code.INVALID_FIELD
    assert pool.asked == []


@pytest.mark.parametrize("rule", ["", "CN-AL-16"])
async def test_a_rule_of_the_policy_or_none_goes_through(
    rooms: Rooms, pool: Pool, undone: list[str], rule: str
) -> None:
    pool.answers = DocList[Review]([Review(id="d")])
    await rooms.answer(asking("/queue/review", Review(id="d", answer="violation", rule=rule)))
    assert len(pool.asked) == 1


async def test_without_a_policy_any_rule_may_be_named(rooms: Rooms, pool: Pool) -> None:
    async def nothing(decision_id: str) -> None:
        pass

    rooms.settling = Settling(lambda: Policy.of(()), nothing)
    pool.answers = DocList[Review]([Review(id="d")])
    await rooms.answer(asking("/queue/review", Review(id="d", answer="violation", rule="OURS-1")))
    assert len(pool.asked) == 1


async def test_what_is_taken_back_is_followed_and_what_was_refused_is_not(
    rooms: Rooms, pool: Pool, undone: list[str]
) -> None:
    refused = Problem(code=Code.UNDO_REFUSED, detail="too late")
    pool.answers = DocList[Review]([Review(id="d"), Review(id="e", problem=refused)])
    await rooms.answer(asking("/queue/undo", Review(id="d")))
    assert undone == ["d"]
    pool.answers = DocList[QueueItem]([QueueItem(id="d")])
    await rooms.answer(asking("/queue/list", QueueItem(id="d")))
    assert undone == ["d"]
