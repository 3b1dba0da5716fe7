"""The library room's endpoints for exemplars and banks, called as Jina calls them."""

from typing import Any

import pytest
from docarray import DocList
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError

from adjudicate.documents import Exemplar, Lookup
from executors.library.executor import Library
from executors.library.schema import HITS
from executors.shared.hits import COUNTS
from tests.library.handmade import (
    FIRST_AXIS,
    ONES,
    ZEROS,
    at_cosine,
    picture,
    pictured,
    unit,
    wording,
)

ASKED = DocList[Lookup]([Lookup(id="")])


async def add(library: Library, *exemplars: Exemplar, **parameters: Any) -> DocList[Exemplar]:
    return await library.add(DocList[Exemplar](exemplars), parameters)


async def put(library: Library, exemplar_id: str | None, **parameters: Any) -> Exemplar:
    lookups = DocList[Lookup]([Lookup(id=exemplar_id)])
    (answer,) = await library.set_exemplar(lookups, parameters)
    return answer


async def flagged(library: Library) -> bool:
    (case,) = await library.review([pictured(FIRST_AXIS)])
    return bool(case.flagged)


async def test_a_switched_off_exemplar_flags_nothing(library: Library) -> None:
    (held,) = await add(library, picture(b"a"))
    assert await flagged(library)
    off = await put(library, held.id, enabled=False, by="ann", why="too wide")
    assert (off.problem, off.enabled) == (None, False)
    assert not await flagged(library)
    await put(library, held.id, enabled=True)
    assert await flagged(library)
    said = await library.changes(DocList[Lookup]([Lookup(id=held.id)]), {})
    assert [(change.what, change.by, change.note) for change in said] == [
        ("enabled", "", ""),
        ("disabled", "ann", "too wide"),
    ]


async def test_a_switched_off_bank_flags_nothing(library: Library) -> None:
    await add(library, picture(b"a", bank="spring"))
    lookups = DocList[Lookup]([Lookup(id="spring")])
    (bank,) = await library.switch_bank(lookups, {"enabled": False, "by": "ann", "note": "over"})
    assert (bank.enabled, bank.changed_by, bank.note) == (False, "ann", "over")
    assert not await flagged(library)
    banks = await library.banks(ASKED)
    assert [(b.name, b.enabled, b.exemplars) for b in banks] == [
        ("main", True, 0),
        ("spring", False, 1),
    ]
    await library.switch_bank(lookups, {"enabled": True})
    assert await flagged(library)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rule": "NO-SUCH"},
        {"severity": "grave"},
        {"polarity": "neither"},
        {"category": ""},
        {"bank": " "},
        {"bank": "b" * 201},
        {"enabled": "no"},
        {"note": 7.0},
        {"note": "x", "by": "b" * 201},
        {},
    ],
)
async def test_a_wrong_edit_is_refused_and_changes_nothing(
    library: Library, wrong: dict[str, Any]
) -> None:
    (held,) = await add(library, picture(b"a"))
    before = library._store.version()
    answer = await put(library, held.id, **wrong)
    assert answer.problem is not None
    assert answer.problem.code == "invalid_field"
    assert library._store.version() == before


async def test_one_of_several_that_is_missing_leaves_the_others(library: Library) -> None:
    (held,) = await add(library, picture(b"a"))
    lookups = DocList[Lookup]([Lookup(id="none"), Lookup(id=held.id)])
    missing, edited = await library.set_exemplar(lookups, {"note": "seen"})
    assert missing.problem is not None
    assert missing.problem.code == "not_found"
    assert (edited.problem, edited.note) == (None, "seen")


async def test_a_bank_needs_a_name(library: Library) -> None:
    (answer,) = await library.switch_bank(ASKED, {"enabled": False})
    assert answer.problem is not None
    assert answer.problem.code == "invalid_field"


async def test_what_is_held_is_asked_by_content(library: Library) -> None:
    (held,) = await add(library, picture(b"a"))
    asked = DocList[Lookup]([Lookup(id=held.content_hash), Lookup(id="0" * 64)])
    found, missing = await library.held(asked)
    assert (found.id, found.image) == (held.id, None)
    assert missing.problem is not None
    assert missing.problem.code == "not_found"


async def test_a_repeat_and_a_near_duplicate_are_named(library: Library) -> None:
    (first,) = await add(library, picture(b"a"))
    again, near, far = await add(
        library, picture(b"a"), picture(b"b", at_cosine(0.98)), picture(b"c", at_cosine(0.9))
    )
    assert (again.repeats, again.near_duplicate) == (first.id, "")
    assert (near.repeats, near.near_duplicate) == ("", first.id)
    assert (far.repeats, far.near_duplicate) == ("", "")


async def test_a_near_duplicate_by_hash_or_in_the_same_request_is_named(
    library: Library,
) -> None:
    (first,) = await add(library, picture(b"a", phash=ZEROS))
    altered, other = await add(
        library,
        picture(b"b", at_cosine(0.9), phash=ZEROS),
        picture(b"c", at_cosine(0.9), phash=ONES),
    )
    assert altered.near_duplicate == first.id
    assert other.near_duplicate == altered.id


async def test_a_text_that_is_nearly_another_is_named(library: Library) -> None:
    (first,) = await add(library, wording("cures all", unit(0, 0, 1, 0)))
    (near,) = await add(library, wording("cures all.", unit(0, 0, 1, 0.01)))
    assert near.near_duplicate == first.id


async def test_a_dry_run_answers_the_same_and_adds_nothing(library: Library) -> None:
    await add(library, picture(b"a"))
    group = [picture(b"a"), picture(b"b", at_cosine(0.98)), picture(b"x", rule="NO-SUCH")]
    dry = await add(library, *group, dry_run=True)
    assert library._store.count() == 1
    real = await add(library, *(picture_.model_copy() for picture_ in group))
    for one, other in zip(dry, real, strict=True):
        assert (one.problem is None) == (other.problem is None)
        assert (one.repeats, one.near_duplicate) == (other.repeats, other.near_duplicate)
    assert library._store.count() == 2


@pytest.mark.parametrize("added_at", ["yesterday", "2999-01-01T00:00:00Z"])
async def test_a_time_that_cannot_be_is_refused(library: Library, added_at: str) -> None:
    (answer,) = await add(library, picture(b"a", added_at=added_at))
    assert answer.problem is not None
    assert "added_at" in answer.problem.detail


async def test_a_time_is_kept_in_utc(library: Library) -> None:
    (answer,) = await add(library, picture(b"a", added_at="2024-05-06T09:08:09+02:00"))
    assert answer.added_at == "2024-05-06T07:08:09.000000+00:00"


async def test_hit_counts_are_listed_and_order_the_listing(library: Library) -> None:
    one, two, three = await add(library, *(picture(b"%d" % i) for i in range(3)))
    counted = {one.id: (60, 5, 50), two.id: (1, 0, 1), three.id: (90, 89, 1)}
    rows = [
        {"exemplar_id": exemplar_id, "last_hit_at": "2025-01-01"}
        | dict(zip(COUNTS, of, strict=True))
        for exemplar_id, of in counted.items()
    ]
    with library._store.engine.begin() as connection:
        connection.execute(insert(HITS), rows)
    worst = await library.list_exemplars(ASKED, {"sort": "overturned"})
    assert [exemplar.id for exemplar in worst] == [one.id, two.id, three.id]
    assert worst[0].hits == {"flagged": 60, "rejected": 5, "overturned": 50}
    assert worst[0].last_hit_at == "2025-01-01"
    most = await library.list_exemplars(ASKED, {"sort": "flagged"})
    assert most[0].id == three.id


@pytest.mark.parametrize("wrong", [{"sort": "best"}, {"after": "x"}, {"limit": 0}, {"image": 1.0}])
async def test_a_wrong_listing_is_refused(library: Library, wrong: dict[str, Any]) -> None:
    (answer,) = await library.list_exemplars(ASKED, wrong)
    assert answer.problem is not None
    assert answer.problem.code == "invalid_field"


async def test_a_database_that_fails_is_an_answer_not_an_exception(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise OperationalError("select", None, Exception("gone"))

    monkeypatch.setattr(library._store, "page", gone)
    monkeypatch.setattr(library._curation, "banks", gone)
    (listed,) = await library.list_exemplars(ASKED, {})
    (bank,) = await library.banks(ASKED)
    assert listed.problem is not None
    assert bank.problem is not None
    assert listed.problem.code == bank.problem.code == "internal"
