"""Which exemplars the library holds twice, or almost."""

from typing import Any

from docarray import DocList

from adjudicate.documents import Case, Exemplar, Lookup
from executors.library.executor import Library
from tests.library.handmade import FIRST_AXIS, ONES, ZEROS, at_cosine, picture, unit, wording


async def held(library: Library, *exemplars: Exemplar) -> list[str]:
    return [one.id or "" for one in await library.add(DocList[Exemplar](exemplars), {})]


async def near(library: Library, *ids: str, **parameters: Any) -> list[Case]:
    return list(await library.near(DocList[Lookup](Lookup(id=each) for each in ids), parameters))


async def test_the_nearest_others_are_named_best_first_and_never_the_exemplar_itself(
    library: Library,
) -> None:
    one, other, far = await held(
        library,
        picture(b"a"),
        picture(b"b", at_cosine(0.9), polarity="lookalike", rule="", category=""),
        picture(b"c", unit(0, 0, 1, 0)),
    )
    (case,) = await near(library, one)
    assert [(match.exemplar_id, match.signal) for match in case.matches] == [
        (other, "image"),
        (far, "image"),
    ]
    assert abs(case.matches[0].similarity - 0.9) < 1e-5
    assert case.matches[0].polarity == "lookalike"


async def test_copies_are_those_of_almost_equal_vectors_or_of_near_hashes(library: Library) -> None:
    one, by_cosine, by_hash, _ = await held(
        library,
        picture(b"a", phash=ZEROS),
        picture(b"b", at_cosine(0.98), phash=ONES),
        picture(b"c", at_cosine(0.8), phash="1" + ZEROS[1:]),
        picture(b"d", at_cosine(0.9), phash=ONES),
    )
    (case,) = await near(library, one, copies=True)
    assert {(match.exemplar_id, match.signal) for match in case.matches} == {
        (by_cosine, "image"),
        (by_hash, "hash"),
    }


async def test_texts_are_compared_with_texts(library: Library) -> None:
    one, other, _ = await held(
        library, wording("cures all"), wording("cures everything", at_cosine(0.99)), picture(b"a")
    )
    (case,) = await near(library, one, copies=True)
    assert [(match.exemplar_id, match.signal) for match in case.matches] == [(other, "text")]


async def test_a_switched_off_exemplar_may_ask_but_is_nobodys_neighbour(library: Library) -> None:
    one, other = await held(library, picture(b"a"), picture(b"b", FIRST_AXIS))
    await library.set_exemplar(DocList[Lookup]([Lookup(id=other)]), {"enabled": False})
    asked = await near(library, one, other)
    assert [[match.exemplar_id for match in case.matches] for case in asked] == [[], [one]]


async def test_an_id_that_is_not_held_has_a_problem_of_its_own(library: Library) -> None:
    (one,) = await held(library, picture(b"a"))
    known, unknown = await near(library, one, "nope")
    assert known.problem is None
    assert unknown.problem is not None
    assert unknown.problem.code == "not_found"


async def test_a_removed_exemplar_has_no_neighbours(library: Library) -> None:
    one, _ = await held(library, picture(b"a"), picture(b"b"))
    await library.remove(DocList[Lookup]([Lookup(id=one)]), {})
    (case,) = await near(library, one)
    assert case.problem is not None
    assert case.problem.code == "not_found"


async def test_an_empty_library_has_no_neighbours(library: Library) -> None:
    (case,) = await near(library, "nope")
    assert case.problem is not None
    assert case.problem.code == "not_found"


async def test_a_limit_that_cannot_be_is_a_problem(library: Library) -> None:
    (case,) = await near(library, "x", limit=0)
    assert case.problem is not None
    assert case.problem.code == "invalid_field"
