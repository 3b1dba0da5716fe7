"""The library room, called as Jina calls it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from docarray import DocList
from sqlalchemy.exc import OperationalError

from adjudicate.documents import Case, Exemplar, Lookup, Problem
from executors.library.embeddings import EmbeddingStore
from executors.library.executor import Library
from tests.library.handmade import (
    FIRST_AXIS,
    ONES,
    ZEROS,
    at_cosine,
    picture,
    pictured,
    unit,
    worded,
    wording,
)

OpenLibrary = Callable[..., Library]


async def add(library: Library, *exemplars: Exemplar) -> DocList[Exemplar]:
    return await library.add(DocList[Exemplar](exemplars))


async def review(library: Library, *cases: Case) -> DocList[Case]:
    return await library.review(DocList[Case](cases))


async def test_an_ad_is_flagged_from_its_categorys_threshold_on(library: Library) -> None:
    await add(library, picture(b"cure"))
    near, far = await review(library, pictured(at_cosine(0.71)), pictured(at_cosine(0.69)))
    assert near.flagged
    assert near.reasons == ["image:cure"]
    assert near.matches[0].rule == "CN-AL-16"
    assert near.matches[0].threshold == 0.7
    assert not far.flagged
    assert far.matches == []
    assert far.reasons == []


async def test_the_best_window_of_the_copy_counts(library: Library) -> None:
    await add(library, wording("一个疗程根治", unit(0, 0, 0, 1), FIRST_AXIS))
    (case,) = await review(library, worded(unit(0, 0, 1, 0), at_cosine(0.8), unit(0, 1, 0, 0)))
    assert case.reasons == ["text:cure"]
    assert case.matches[0].similarity == pytest.approx(0.8, abs=1e-6)


async def test_a_copy_of_a_violation_is_not_for_the_judge(library: Library) -> None:
    await add(library, picture(b"cure", phash=ZEROS))
    copied, altered = await review(
        library,
        pictured(at_cosine(0.99), phash=ZEROS),
        pictured(at_cosine(0.99), phash=ONES),
    )
    assert (copied.near_duplicate, copied.flagged) == ("hash", False)
    assert (altered.near_duplicate, altered.flagged) == ("similarity", True)


async def test_a_near_duplicate_flags_below_a_higher_threshold(
    open_library: OpenLibrary, tmp_path: Path
) -> None:
    strict = tmp_path / "strict.yaml"
    strict.write_text("image: {cure: 0.999}", encoding="utf-8")
    library = open_library(thresholds=strict)
    await add(library, picture(b"cure"))
    (case,) = await review(library, pictured(at_cosine(0.98)))
    assert (case.near_duplicate, case.flagged) == ("similarity", True)


async def test_a_case_with_a_problem_passes_untouched(library: Library) -> None:
    await add(library, picture(b"cure"))
    broken = pictured(FIRST_AXIS, problem=Problem(code="image_truncated"))
    broken, sound = await review(library, broken, pictured(FIRST_AXIS))
    assert broken.problem is not None
    assert broken.problem.code == "image_truncated"
    assert not broken.flagged
    assert broken.versions == broken.timings == {}
    assert sound.flagged


@pytest.mark.parametrize(
    "case",
    [
        Case(text="copy"),
        Case(),
        pictured(np.array([np.nan, 0, 0, 1], np.float32)),
        pictured(np.zeros(4, np.float32)),
        pictured(np.ones(4, np.float32)),
        pictured(FIRST_AXIS[None]),
        Case(text="copy", text_embedding=FIRST_AXIS),
        Case(text="copy", text_embedding=np.zeros((0, 4), np.float32)),
        pictured(FIRST_AXIS, text="copy", text_embedding=unit(1, 0)[None]),
    ],
)
async def test_what_is_not_soundly_embedded_is_a_problem_of_that_ad_only(
    library: Library, case: Case
) -> None:
    await add(library, picture(b"cure"))
    bad, good = await review(library, case, pictured(FIRST_AXIS))
    assert bad.problem is not None
    assert bad.problem.code == "internal"
    assert not bad.flagged
    assert good.problem is None
    assert good.flagged


async def test_an_unexpected_failure_is_the_problem_of_one_ad(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = library._screener._screen

    def failing(case: Case, *args: Any, **kwargs: Any) -> None:
        if case.ad_id == "bad":
            raise RuntimeError("unforeseen")
        screen(case, *args, **kwargs)

    monkeypatch.setattr(library._screener, "_screen", failing)
    bad, good = await review(
        library, pictured(FIRST_AXIS, ad_id="bad"), pictured(FIRST_AXIS, ad_id="good")
    )
    assert bad.problem is not None
    assert bad.problem.code == "internal"
    assert good.problem is None


async def test_a_database_that_fails_leaves_no_ad_unscreened(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> int:
        raise OperationalError("select", None, Exception("gone"))

    monkeypatch.setattr(library._store, "version", gone)
    (case,) = await review(library, pictured(FIRST_AXIS))
    assert case.problem is not None
    assert case.problem.code == "internal"
    assert not library.describe().ready


async def test_an_ad_of_an_encoder_that_the_library_lacks_is_refused(library: Library) -> None:
    await add(library, picture(b"cure", encoder_version="v1"), picture(b"b", encoder_version="v1"))
    far = unit(0, 0, 0, 1)
    new, old = await review(
        library,
        pictured(far, versions={"encoder": "v2"}),
        pictured(far, versions={"encoder": "v1"}),
    )
    assert new.problem is not None
    assert new.problem.code == "library_stale"
    assert "adjudicate library reembed" in new.problem.detail
    assert not new.flagged
    assert old.problem is None
    found = await library.search(DocList[Case]([pictured(far, versions={"encoder": "v2"})]), {})
    assert found[0].problem is not None
    assert found[0].problem.code == "library_stale"
    await add(library, picture(b"cure", encoder_version="v2"))
    (half,) = await review(library, pictured(far, versions={"encoder": "v2"}))
    assert half.problem is not None
    await add(library, picture(b"b", encoder_version="v2"))
    for encoder in ("v2", "v1"):
        (case,) = await review(library, pictured(FIRST_AXIS, versions={"encoder": encoder}))
        assert case.flagged


async def test_an_empty_library_is_complete_for_every_encoder(library: Library) -> None:
    (case,) = await review(library, pictured(FIRST_AXIS, versions={"encoder": "v9"}))
    assert case.problem is None
    assert not case.flagged


async def test_the_audit_sample_is_of_what_would_pass(open_library: OpenLibrary) -> None:
    library = open_library(audit_share=1.0)
    await add(library, picture(b"cure", phash=ZEROS))
    passed, flagged, copied = await review(
        library,
        pictured(unit(0, 1, 0, 0)),
        pictured(at_cosine(0.8)),
        pictured(FIRST_AXIS, phash=ZEROS),
    )
    assert (passed.audit, passed.flagged, passed.reasons) == (True, True, ["audit_sample"])
    assert not flagged.audit
    assert not copied.audit
    assert not copied.flagged


async def test_versions_and_time_are_signed(library: Library) -> None:
    await add(library, picture(b"cure"))
    (case,) = await review(library, pictured(FIRST_AXIS))
    assert case.versions["library"] == "1"
    assert case.versions["thresholds"] == library._in_force.file.version
    assert case.timings["library"] > 0


async def test_search_gives_the_nearest_below_every_threshold(library: Library) -> None:
    await add(library, *(picture(b"%d" % i, at_cosine(i / 10)) for i in range(6)))
    docs = DocList[Case]([pictured(FIRST_AXIS)])
    (case,) = await library.search(docs, parameters={"limit": 2.0})
    assert [round(match.similarity, 3) for match in case.matches] == [0.5, 0.4]
    assert not case.flagged


@pytest.mark.parametrize("limit", [0, -1, 1.5, "many", True, 10_000, float("nan"), float("inf")])
async def test_a_wrong_limit_is_said(library: Library, limit: object) -> None:
    docs = DocList[Case]([pictured(FIRST_AXIS)])
    (case,) = await library.search(docs, parameters={"limit": limit})
    assert case.problem is not None
    assert case.problem.code == "invalid_field"


async def test_what_is_added_counts_at_once_and_comes_back_light(library: Library) -> None:
    (held,) = await add(library, picture(b"cure"))
    assert held.problem is None
    assert held.added_at
    assert held.image is held.image_embedding is held.text_embedding is None
    (again,) = await add(library, picture(b"cure"))
    assert again.id == held.id


@pytest.mark.parametrize(
    "exemplar",
    [
        picture(b"x", category=""),
        picture(b"x", rule=""),
        picture(b"x", rule="NO-SUCH-RULE"),
        picture(b"x", severity="grave"),
        picture(b"x", added_by="a" * 201),
        picture(b"x", note="\0"),
        picture(b"x", np.ones(4, np.float32)),
        Exemplar(category="cure", rule="R"),
        Exemplar(text="words", category="cure", rule="R"),
        picture(b"x", problem=Problem(code="image_truncated")),
    ],
)
async def test_an_exemplar_that_is_not_sound_is_answered_with_its_problem(
    library: Library, exemplar: Exemplar
) -> None:
    bad, good = await add(library, exemplar, picture(b"good"))
    assert bad.problem is not None
    assert good.problem is None
    assert library._store.count() == 1


async def test_a_look_alike_needs_no_rule(library: Library) -> None:
    (held,) = await add(library, picture(b"x", polarity="lookalike", category="", rule=""))
    assert held.problem is None


async def test_additions_that_fail_are_not_answered_as_held(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OperationalError("insert", None, Exception("disk full"))

    monkeypatch.setattr(library._store, "add", full)
    (answer,) = await add(library, picture(b"x"))
    assert answer.problem is not None
    assert answer.problem.code == "internal"


async def test_list_gives_pages_and_single_exemplars(library: Library) -> None:
    first, second = await add(library, picture(b"1"), picture(b"2", category="disease"))
    page = await library.list_exemplars(DocList[Lookup]([Lookup(id="")]), parameters={})
    assert {held.id for held in page} == {first.id, second.id}
    assert all(held.image is None for held in page)
    of_category = {"category": "disease", "image": True, "limit": 5.0}
    (held,) = await library.list_exemplars(DocList[Lookup]([Lookup(id="")]), of_category)
    assert (held.id, held.image) == (second.id, b"2")
    lookups = DocList[Lookup]([Lookup(id=first.id), Lookup(id="none")])
    found, missing = await library.list_exemplars(lookups, parameters={})
    assert found.category == "cure"
    assert missing.problem is not None
    assert missing.problem.code == "not_found"
    (refused,) = await library.list_exemplars(lookups[:1], parameters={"category": 7.0})
    assert refused.problem is not None
    assert refused.problem.code == "invalid_field"


async def test_a_removed_exemplar_matches_no_more(library: Library) -> None:
    (held,) = await add(library, picture(b"cure"))
    lookups = DocList[Lookup]([Lookup(id=held.id), Lookup(id="none")])
    assert [lookup.found for lookup in await library.remove(lookups)] == [True, False]
    (case,) = await review(library, pictured(FIRST_AXIS))
    assert not case.flagged


async def test_the_status_says_what_is_held(library: Library) -> None:
    await add(library, picture(b"a", encoder_version="v1"), picture(b"b", encoder_version="v1"))
    await add(library, picture(b"b", encoder_version="v2"))
    facts = library.describe().facts
    assert facts["exemplars"] == "2"
    assert facts["encoders"] == "v1 2 of 2, v2 1 of 2"
    assert facts["index"] == "exact"
    assert facts["thresholds"].startswith("thresholds.yaml ")


async def test_an_empty_request_is_answered_empty(library: Library) -> None:
    assert len(await review(library)) == 0


async def test_an_ad_waits_for_what_another_encoders_service_has_just_added(
    open_library: OpenLibrary,
) -> None:
    library = open_library(stale_wait_s=120.0)
    first, second = picture(b"a", encoder_version="v1"), picture(b"b", encoder_version="v1")
    await add(library, first)
    embeddings = EmbeddingStore(library._store.engine)
    embeddings.write([first.model_copy(update={"encoder_version": "v2"})])
    await add(library, second)  # the encoder of version v2 has not seen this one
    waiting = asyncio.ensure_future(
        review(library, pictured(FIRST_AXIS, versions={"encoder": "v2"}))
    )
    (served,) = await review(library, pictured(FIRST_AXIS, versions={"encoder": "v1"}))
    assert served.problem is None
    assert not waiting.done()
    embeddings.write([second.model_copy(update={"encoder_version": "v2"})])
    (case,) = await asyncio.wait_for(waiting, 60)
    assert case.problem is None
    assert case.flagged


async def test_an_ad_waits_not_for_an_encoder_that_the_library_was_never_embedded_with(
    open_library: OpenLibrary,
) -> None:
    library = open_library(stale_wait_s=1_000_000.0)  # the suite's own limit would end the test
    await add(library, picture(b"a", encoder_version="v1"))
    (case,) = await review(library, pictured(FIRST_AXIS, versions={"encoder": "v2"}))
    assert case.problem is not None
    assert case.problem.code == "library_stale"
