"""Claims and terms are found where they stand in the copy, and nothing of the copy is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from executors.gateway.console.views.marks import Piece, pieces, places, stands

COPY = "Cures  Insomnia\nin 7 days. 根治失眠！"


def test_a_claim_is_found_in_other_case_and_with_other_white_space() -> None:
    assert pieces(COPY, ["cures insomnia in 7 days"], []) == [
        Piece("Cures  Insomnia\nin 7 days", "claim"),
        Piece(". 根治失眠！"),
    ]


def test_a_claim_goes_before_a_term_in_it() -> None:
    assert pieces("根治失眠。根治", ["根治失眠"], ["根治"]) == [
        Piece("根治失眠", "claim"),
        Piece("。"),
        Piece("根治", "term"),
    ]


def test_signs_of_patterns_are_only_signs() -> None:
    assert places("100% (sure) [now] a.b", "(sure)") == [(5, 11)]
    assert places("axb", "a.b") == []


def test_what_stands_nowhere_was_read_in_the_picture() -> None:
    assert not stands(COPY, "no side effects")
    assert not stands(COPY, " ")
    assert pieces(COPY, ["no side effects", ""], [""]) == [Piece(COPY)]


@given(st.text("ab \n根治", max_size=30), st.lists(st.text("ab 根", max_size=4), max_size=4))
def test_the_pieces_together_are_the_copy(copy: str, wanted: list[str]) -> None:
    found = pieces(copy, wanted[:2], wanted[2:])
    assert "".join(piece.text for piece in found) == copy
    assert all(piece.text for piece in found)
