"""Cases through the library room: every signal with its thresholds, terms, look-alikes, shadow."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from docarray import DocList

from adjudicate.documents import Case, Exemplar, ThresholdVersion
from executors.library.executor import Library
from tests.library.handmade import (
    FIRST_AXIS,
    ZEROS,
    at_cosine,
    picture,
    pictured,
    unit,
    worded,
    wording,
)

OpenLibrary = Callable[..., Library]
FAR = unit(0, 0, 0, 1)
V1 = {"encoder": "v1"}


@pytest.fixture
def thresholds(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(
        "image: {cure: 0.7}\ntext: {cure: 0.6}\nimage-text: {cure: 0.3, safety: off}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def three(open_library: OpenLibrary, thresholds: Path) -> Library:
    """A library that uses all three vector signals."""
    return open_library(thresholds=thresholds)


async def add(library: Library, *exemplars: Exemplar) -> list[str]:
    held = await library.add(DocList[Exemplar](exemplars))
    assert [exemplar.problem for exemplar in held] == [None] * len(exemplars)
    return [exemplar.id or "" for exemplar in held]


async def review(library: Library, *cases: Case) -> DocList[Case]:
    return await library.review(DocList[Case](cases))


async def test_a_picture_is_held_against_the_exemplars_texts(three: Library) -> None:
    (known,) = await add(three, wording("Cures all", FAR, FIRST_AXIS))
    shown, below = await review(three, pictured(at_cosine(0.31)), pictured(at_cosine(0.29)))
    assert shown.flagged
    assert shown.reasons == ["image-text:cure"]
    (match,) = shown.matches
    assert (match.exemplar_id, match.signal, match.threshold) == (known, "image-text", 0.3)
    assert match.similarity == pytest.approx(0.31, abs=1e-6)
    assert not below.flagged
    assert below.matches == []


async def test_a_text_is_not_held_against_the_exemplars_pictures(three: Library) -> None:
    await add(three, picture(b"known"))
    (case,) = await review(three, worded(FIRST_AXIS))
    assert not case.flagged


async def test_a_signal_that_is_off_finds_nothing(three: Library, library: Library) -> None:
    await add(three, wording("Safe", FIRST_AXIS, category="safety"))
    assert not (await review(three, pictured(FIRST_AXIS)))[0].flagged
    await add(three, wording("Cures all", FIRST_AXIS))
    assert (await review(three, pictured(FIRST_AXIS)))[0].flagged
    # Without thresholds of its own `image-text` is off.
    assert not (await review(library, pictured(FIRST_AXIS)))[0].flagged
    docs = DocList[Case]([pictured(FIRST_AXIS)])
    assert (await library.search(docs, parameters={}))[0].matches == []


async def test_a_picture_as_near_to_a_text_as_can_be_is_no_near_duplicate(three: Library) -> None:
    await add(three, wording("Cures all", FIRST_AXIS))
    (case,) = await review(three, pictured(FIRST_AXIS, phash=ZEROS))
    assert (case.flagged, case.near_duplicate) == (True, "")


async def test_search_ranks_the_signals_by_what_they_are_worth(three: Library) -> None:
    await add(three, wording("Cures all", at_cosine(0.2)), picture(b"known", at_cosine(0.4)))
    docs = DocList[Case]([pictured(FIRST_AXIS)])
    (case,) = await three.search(docs, parameters={"limit": 2.0})
    # 0.2 is nearer to 0.3 than 0.4 is to 0.7.
    assert [match.signal for match in case.matches] == ["image-text", "image"]


async def test_a_look_alike_pulls_a_wrong_flag_back(three: Library) -> None:
    bad = at_cosine(0.9)
    await add(three, picture(b"bad"))
    (case,) = await review(three, pictured(bad))
    assert case.flagged
    await add(three, picture(b"good", bad, polarity="lookalike", category="", rule=""))
    (case,) = await review(three, pictured(bad))
    assert not case.flagged
    assert case.reasons == ["lookalike"]
    assert [match.polarity for match in case.matches] == ["lookalike", "violation"]


async def test_a_look_alikes_words_answer_for_a_picture_that_shows_them(three: Library) -> None:
    await add(three, wording("Cures all", at_cosine(0.5)))
    await add(three, picture(b"good", polarity="lookalike", category="", rule=""))
    (case,) = await review(three, pictured(FIRST_AXIS))
    assert case.reasons == ["image-text:cure"]
    await add(three, wording("Vitamin C", polarity="lookalike", category="", rule=""))
    (case,) = await review(three, pictured(FIRST_AXIS))
    assert (case.flagged, case.reasons) == (False, ["lookalike"])


async def test_a_term_in_the_copy_flags_the_ad_and_is_quoted(library: Library) -> None:
    case = worded(FAR, market="CN", product="drug")
    case.text = "一个疗程根*治失眠"
    (case,) = await review(library, case)
    assert case.flagged
    assert case.reasons == ["term:CN-AL-16"]
    (match,) = case.matches
    assert (match.signal, match.rule, match.matched) == ("term", "CN-AL-16", "根*治")
    assert match.exemplar_id == ""
    assert case.versions["policy"] == library._policies.current.version


async def test_a_term_of_another_market_or_product_does_not(library: Library) -> None:
    cases = [worded(FAR, market="US", product="drug"), worded(FAR, market="CN", product="food")]
    for case in cases:
        case.text = "根治"
    assert not any(case.flagged for case in await review(library, *cases))


async def test_terms_can_be_turned_off(open_library: OpenLibrary) -> None:
    library = open_library(terms=False)
    case = worded(FAR)
    case.text = "根治 cures"
    (case,) = await review(library, case)
    assert not case.flagged
    assert case.versions["policy"] == library._policies.current.version


async def test_a_copy_of_a_violation_is_rejected_unseen_whatever_its_copy_says(
    library: Library,
) -> None:
    await add(library, picture(b"known", phash=ZEROS))
    case = pictured(FIRST_AXIS, phash=ZEROS, text="It cures", text_embedding=FAR[None])
    (case,) = await review(library, case)
    assert (case.near_duplicate, case.flagged) == ("hash", False)
    assert case.reasons[0] == "near_duplicate:hash"
    assert "term:US-101.93" in case.reasons


async def watch(library: Library, **content: dict[str, float]) -> ThresholdVersion:
    asked = ThresholdVersion(content=json.dumps(content), state="shadow", encoder_version="v1")
    (added,) = await library.add_thresholds(DocList[ThresholdVersion]([asked]))
    assert added.problem is None
    return added


async def test_shadow_thresholds_are_watched_and_decide_nothing(library: Library) -> None:
    await add(library, picture(b"known", encoder_version="v1"))
    (before,) = await review(library, pictured(at_cosine(0.65), versions=V1))
    assert before.shadow_flagged is None
    version = await watch(library, image={"cure": 0.6})
    lower, higher, neither = await review(
        library,
        pictured(at_cosine(0.65), versions=V1),
        pictured(at_cosine(0.75), versions=V1),
        pictured(at_cosine(0.5), versions=V1),
    )
    assert (lower.flagged, lower.shadow_flagged) == (False, True)
    assert lower.reasons == []
    assert lower.matches == []
    assert (higher.flagged, higher.shadow_flagged) == (True, True)
    assert (neither.flagged, neither.shadow_flagged) == (False, False)
    assert lower.versions["shadow_thresholds"] == version.id
    await watch(library, image={"cure": 0.8})
    (case,) = await review(library, pictured(at_cosine(0.75), versions=V1))
    assert (case.flagged, case.shadow_flagged) == (True, False)


async def test_the_shadow_knows_terms_and_look_alikes_but_not_the_audit_sample(
    open_library: OpenLibrary,
) -> None:
    library = open_library(audit_share=1.0)
    await watch(library, image={"cure": 0.6})
    await add(
        library,
        picture(b"known", encoder_version="v1"),
        picture(
            b"good",
            at_cosine(0.9),
            polarity="lookalike",
            category="",
            rule="",
            encoder_version="v1",
        ),
    )
    said = worded(FAR, versions=V1)
    said.text = "It cures"
    term, excused, audited = await review(
        library, said, pictured(at_cosine(0.9), versions=V1), pictured(FAR, versions=V1)
    )
    assert (term.flagged, term.shadow_flagged) == (True, True)
    assert (excused.flagged, excused.audit, excused.shadow_flagged) == (True, True, False)
    assert (audited.flagged, audited.audit, audited.shadow_flagged) == (True, True, False)
