"""Leases: who has which case, for how long, and what two who want the same get."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from adjudicate.errors import AdError, Code
from executors.ledger.queue.claims import MOST_SKIPPED
from tests.ledger.queue.conftest import MakeDesk
from tests.ledger.queue.desk import LEASE_S, Desk, match

PEOPLE = 6


def refused(error: pytest.ExceptionInfo[AdError]) -> Code:
    return error.value.code


def test_the_next_case_is_the_one_of_the_highest_priority(desk: Desk) -> None:
    sampled = desk.sampled(matches=match("low"))
    grave = desk.escalated(matches=match("high"))
    plain = desk.escalated(matches=match("low"))
    assert [desk.claim("ann", skip=skip) for skip in ([], [grave], [grave, plain])] == [
        grave,
        plain,
        sampled,
    ]


def test_of_equal_priority_the_oldest_goes_first(desk: Desk) -> None:
    first, second = desk.escalated(), desk.escalated()
    queued = {item.id: item.queued_at for item in desk.page()}
    given = [desk.claim("ann"), desk.claim("ben")]
    assert set(given) == {first, second}
    assert [queued[one] for one in given] == sorted(queued.values())


def test_nobody_gets_what_another_holds(desk: Desk) -> None:
    case = desk.escalated()
    assert desk.claim("ann") == case
    with pytest.raises(AdError) as error:
        desk.claim("ben")
    assert refused(error) == Code.QUEUE_EMPTY
    with pytest.raises(AdError, match="Ann works on it until") as error:
        desk.claim("ben", case)
    assert refused(error) == Code.CLAIMED_ELSEWHERE
    held = desk.item(case)
    assert (held.lease_by, held.lease_name) == ("ann", "Ann")


def test_who_asks_again_gets_what_they_hold_and_keeps_it_longer(desk: Desk) -> None:
    case = desk.escalated(matches=match("low"))
    desk.claim("ann", seconds=30)
    until = desk.item(case).lease_until
    desk.escalated(matches=match("high"))
    assert desk.claim("ann") == case
    assert desk.item(case).lease_until > until
    desk.claim("ann", case, seconds=30)
    assert desk.item(case).lease_until < desk.item(case).queued_at[:4] + "9"


def test_a_case_is_anybodys_when_its_time_is_over(desk: Desk) -> None:
    case = desk.escalated()
    desk.claim("ann")
    desk.end_lease(case)
    assert desk.item(case).lease_by == ""
    assert desk.claim("ben") == case


def test_what_is_on_the_screen_is_not_given_again(desk: Desk) -> None:
    first, second = desk.escalated(matches=match("high")), desk.escalated(matches=match("low"))
    assert desk.claim("ann") == first
    assert desk.claim("ann", skip=[first]) == second


def test_the_filters_choose_which_case_is_next(desk: Desk) -> None:
    desk.escalated(market="CN", matches=match("high"))
    wanted = desk.escalated(market="US", matches=match("low", rule="US-FTC-5", category="cure"))
    assert desk.claim("ann", market="US") == wanted
    assert desk.claim("ann", rule="US-FTC-5") == wanted
    with pytest.raises(AdError) as error:
        desk.claim("ben", market="EU")
    assert refused(error) == Code.QUEUE_EMPTY


def test_a_released_case_is_the_next_persons(desk: Desk) -> None:
    case = desk.escalated()
    desk.claim("ann")
    assert desk.release("ann", case) == [case]
    assert desk.claim("ben") == case


def test_all_that_a_person_holds_is_released_at_once(desk: Desk) -> None:
    cases = {desk.escalated(), desk.escalated()}
    others = desk.escalated()
    held = {desk.claim("ann"), desk.claim("ann", skip=[desk.claim("ann")])}
    desk.claim("ben")
    assert set(desk.release("ann")) == held
    assert {item.id for item in desk.page() if not item.lease_by} == held
    assert held < {*cases, others}
    assert desk.release("ann") == []


def test_only_a_lead_releases_what_another_holds(desk: Desk) -> None:
    case = desk.escalated()
    desk.claim("ann")
    with pytest.raises(AdError) as error:
        desk.release("ben", case)
    assert refused(error) == Code.CLAIMED_ELSEWHERE
    assert desk.release("lea", case, role="lead") == [case]
    assert desk.item(case).lease_by == ""


@pytest.mark.parametrize(("decision_id", "code"), [("none", Code.NOT_FOUND), ("\0", "not_found")])
def test_there_is_no_case_by_that_id(desk: Desk, decision_id: str, code: Code) -> None:
    with pytest.raises(AdError) as error:
        desk.claim("ann", decision_id)
    assert refused(error) == code


def test_a_settled_case_is_not_claimed(desk: Desk) -> None:
    case = desk.escalated()
    desk.answer("ann", case)
    with pytest.raises(AdError) as error:
        desk.claim("ben", case)
    assert refused(error) == Code.CASE_SETTLED


def test_a_claim_lasts_no_longer_than_it_is_set(desk: Desk) -> None:
    desk.escalated()
    with pytest.raises(AdError, match="seconds"):
        desk.claim("ann", seconds=LEASE_S + 1)
    with pytest.raises(AdError, match="skip"):
        desk.claim("ann", skip=["x"] * (MOST_SKIPPED + 1))


def test_a_leads_case_is_a_leads(make_desk: MakeDesk) -> None:
    desk = make_desk(skips_to_lead=1)
    case = desk.escalated()
    desk.answer("ann", case, "skip")
    with pytest.raises(AdError) as error:
        desk.claim("ben", case)
    assert refused(error) == Code.FORBIDDEN
    with pytest.raises(AdError) as error:
        desk.claim("ben")
    assert refused(error) == Code.QUEUE_EMPTY
    assert desk.claim("lea", role="lead") == case


def test_of_many_who_claim_at_once_each_gets_a_case_of_their_own(desk: Desk) -> None:
    cases = {desk.escalated() for _ in range(PEOPLE * 2)}
    together = threading.Barrier(PEOPLE)

    def take(person: int) -> list[str]:
        together.wait()
        first = desk.claim(f"key:{person}")
        return [first, desk.claim(f"key:{person}", skip=[first])]

    with ThreadPoolExecutor(PEOPLE) as pool:
        taken = [one for both in pool.map(take, range(PEOPLE)) for one in both]
    assert Counter(taken) == Counter(cases)
    assert not [item for item in desk.page() if not item.lease_by]


def test_of_many_who_want_one_case_one_gets_it(desk: Desk) -> None:
    case = desk.escalated()
    together = threading.Barrier(PEOPLE)

    def take(person: int) -> str:
        together.wait()
        try:
            return desk.claim(f"key:{person}", case)
        except AdError as error:
            return error.code

    with ThreadPoolExecutor(PEOPLE) as pool:
        got = Counter(pool.map(take, range(PEOPLE)))
    assert got == {case: 1, Code.CLAIMED_ELSEWHERE: PEOPLE - 1}
