"""What a settled ad teaches the library, and how it is taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from docarray import DocList
from sqlalchemy import select, update

from adjudicate.documents import Lesson, Match
from adjudicate.errors import AdError, Code
from executors.ledger.learning.lessons import Lessons
from executors.ledger.store import EVIDENCE, LESSONS, METADATA, DecisionStore
from executors.shared.database import writing
from tests.ledger.learning.made import on_both, picture, record, rule_on, violation

ENTRIES = METADATA.tables["audit_entries"]
MEI = {"by": "key:mei", "by_name": "Mei", "role": "reviewer"}


@pytest.fixture
def lessons(store: DecisionStore) -> Lessons:
    return Lessons(store.engine)


def settled(store: DecisionStore, name: str = "a", outcome: str = "reject", **fields: Any) -> str:
    matches = DocList[Match]([violation("disease", "OTHER"), violation("cure")])
    record(store, name, text="Cures all", picture=picture(name), matches=matches)
    rule_on(store, name, outcome, **fields)
    return name


def taught(lessons: Lessons, name: str = "a", **fields: Any) -> Lesson:
    lesson = lessons.prepare(Lesson(id=name, **MEI))
    return lessons.add(lesson.model_copy(update={**MEI, **fields}))


def refusal(work: Any, asked: Any) -> Code:
    with pytest.raises(AdError) as error:
        work(asked)
    return error.value.code


def test_a_confirmed_violation_teaches_what_it_is_by_its_rule(
    store: DecisionStore, lessons: Lessons
) -> None:
    settled(store)
    lesson = lessons.prepare(Lesson(id="a", note="seen twice", **MEI))
    assert (lesson.polarity, lesson.bank, lesson.rule) == ("violation", "reviewed", "CN-AD-28")
    assert lesson.category == "cure"  # of the match of that rule, not of the nearest
    assert (lesson.text, lesson.picture) == ("Cures all", picture("a"))
    assert (lesson.exemplar_id, lesson.note, lesson.at) == ("decision-a", "seen twice", "")


def test_an_overturned_one_teaches_a_look_alike_of_no_rule(
    store: DecisionStore, lessons: Lessons
) -> None:
    settled(store, outcome="approve")
    lesson = lessons.prepare(Lesson(id="a", **MEI))
    assert (lesson.polarity, lesson.bank) == ("lookalike", "reviewed-lookalikes")
    assert (lesson.rule, lesson.category) == ("", "disease")


def test_who_asks_may_say_rule_and_category_better(store: DecisionStore, lessons: Lessons) -> None:
    settled(store)
    lesson = lessons.prepare(Lesson(id="a", rule="US-FTC-5", category="safety", **MEI))
    assert (lesson.rule, lesson.category) == ("US-FTC-5", "safety")
    assert refusal(lessons.prepare, Lesson(id="a", rule="x" * 300)) is Code.INVALID_FIELD


@on_both
def test_a_lesson_is_recorded_once_and_stands(store: DecisionStore, lessons: Lessons) -> None:
    settled(store)
    first = taught(lessons)
    again = taught(lessons)
    assert (first.at, first.repeats, first.by) == (again.at, False, "key:mei")
    standing = lessons.prepare(Lesson(id="a", **MEI))
    assert (standing.at, standing.remove) == (first.at, False)
    with store.engine.connect() as connection:
        deeds = connection.execute(select(ENTRIES).where(ENTRIES.c.what == "taught")).all()
    assert [(one.subject, one.by) for one in deeds] == [("a", "key:mei")]
    assert json.loads(deeds[0].facts)["exemplar"] == "decision-a"


def test_one_that_says_the_opposite_of_what_counts_now_is_to_go(
    store: DecisionStore, lessons: Lessons
) -> None:
    settled(store)
    taught(lessons)
    rule_on(store, "a", "approve", "appeal")
    assert lessons.prepare(Lesson(id="a", **MEI)).remove


@on_both
def test_taken_back_it_leaves_the_library_and_can_be_taught_anew(
    store: DecisionStore, lessons: Lessons
) -> None:
    settled(store)
    taught(lessons)
    gone = lessons.remove(Lesson(id="a", **MEI))
    assert (gone.remove, gone.exemplar_id, bool(gone.removed_at)) == (True, "decision-a", True)
    again = lessons.remove(Lesson(id="a", **MEI))
    assert (again.remove, again.removed_at) == (True, gone.removed_at)
    assert lessons.prepare(Lesson(id="a", **MEI)).at == ""
    assert taught(lessons).removed_at == ""


def test_what_taught_nothing_or_was_taken_back_long_ago_is_not_taken_back(
    store: DecisionStore, lessons: Lessons
) -> None:
    settled(store)
    assert refusal(lessons.remove, Lesson(id="a", **MEI)) is Code.NOT_FOUND
    taught(lessons)
    lessons.remove(Lesson(id="a", **MEI))
    with writing(store.engine) as connection:
        connection.execute(update(LESSONS).values(removed_at="2026-01-01T00:00:00.000+00:00"))
    assert refusal(lessons.remove, Lesson(id="a", **MEI)) is Code.NOT_FOUND


def test_an_exemplar_that_was_held_before_stays(store: DecisionStore, lessons: Lessons) -> None:
    settled(store)
    assert taught(lessons, exemplar_id="imported", repeats=True).repeats
    assert not lessons.remove(Lesson(id="a", **MEI)).remove


@on_both
def test_an_exemplar_that_two_decisions_taught_stays_until_both_are_taken_back(
    store: DecisionStore, lessons: Lessons
) -> None:
    settled(store, "a")
    settled(store, "b")
    taught(lessons, "a")
    second = taught(lessons, "b", exemplar_id="decision-a", repeats=True)
    assert not second.repeats  # it came of a decision, not from elsewhere
    assert not lessons.remove(Lesson(id="a", **MEI)).remove
    assert lessons.remove(Lesson(id="b", **MEI)).remove


def test_an_addition_whose_record_was_lost_is_still_the_decisions_own(
    store: DecisionStore, lessons: Lessons
) -> None:
    settled(store)
    assert not taught(lessons, exemplar_id="decision-a", repeats=True).repeats


def test_only_what_a_person_settled_and_is_still_kept_teaches(
    store: DecisionStore, lessons: Lessons
) -> None:
    assert refusal(lessons.prepare, Lesson(id="none", **MEI)) is Code.NOT_FOUND
    record(store, "a", text="Cures all")
    assert refusal(lessons.prepare, Lesson(id="a", **MEI)) is Code.NOT_SETTLED
    rule_on(store, "a", "reject", "propagation")
    assert refusal(lessons.prepare, Lesson(id="a", **MEI)) is Code.NOT_SETTLED
    rule_on(store, "a", "reject")
    with writing(store.engine) as connection:
        connection.execute(update(EVIDENCE).values(copy_gone_at="2026-01-01"))
    assert refusal(lessons.prepare, Lesson(id="a", **MEI)) is Code.NOT_FOUND
