"""Decisions as the command line prints them."""

import io

from rich.console import Console

from adjudicate.cli.show import DecisionTable, decision_panel
from adjudicate.cli.show_library import exemplar_table
from adjudicate.documents import Decision, Exemplar, Finding, Match, Problem

TERM = Match(exemplar_id="", rule="US-FTC", signal="term", similarity=1, matched="pr0ven to")
SHOWN = Match(exemplar_id="x7", rule="CN-AL-17", signal="image-text", similarity=0.41)


def console() -> Console:
    return Console(file=io.StringIO(), width=140)


def row(decision: Decision) -> list[str]:
    """The last line of the table, by words."""
    out = console()
    DecisionTable(out).add(decision)
    return str(out.file.getvalue()).splitlines()[-1].split()  # type: ignore[attr-defined]


def test_a_row_says_by_which_signal_the_best_match_was_found() -> None:
    decision = Decision(ad_id="a", outcome="escalate", rule="CN-AL-17", matches=[SHOWN, TERM])
    assert row(decision) == ["a", "escalate", "CN-AL-17", "pr0ven", "to", "image-text", "0.41", "0"]


def test_a_term_has_its_words_and_no_similarity() -> None:
    decision = Decision(ad_id="a", outcome="escalate", rule="US-FTC", matches=[TERM])
    assert row(decision) == ["a", "escalate", "US-FTC", "pr0ven", "to", "term", "0"]


def test_the_claim_is_the_judges_or_what_stopped_the_ad() -> None:
    read = Finding(claim="cures", probability=0.9)
    judged = Decision(ad_id="a", outcome="reject", rule="R", matches=[TERM], findings=[read])
    assert row(judged) == ["a", "reject", "R", "cures", "term", "0.90", "0"]
    broken = Decision(ad_id="a", rule="R", problem=Problem(code="internal", detail="failed"))
    assert row(broken) == ["a", "error", "R", "failed", "0"]


def test_the_panel_quotes_a_term_where_an_exemplar_has_its_id() -> None:
    out = console()
    out.print(decision_panel(Decision(ad_id="a", matches=[SHOWN, TERM])))
    text = str(out.file.getvalue())  # type: ignore[attr-defined]
    assert "“pr0ven to”" in text
    assert "x7" in text


def test_a_narrow_terminal_shows_whole_ids_one_exemplar_a_line():
    exemplars = [
        Exemplar(id=f"{n:032x}", text="a claim that is too long for a line " * 3, rule="CN-AL-16")
        for n in range(3)
    ]
    narrow = Console(width=80)
    with narrow.capture() as capture:
        narrow.print(exemplar_table(exemplars, narrow.width))
    lines = [line for line in capture.get().splitlines() if "CN-AL-16" in line]
    assert [line.split()[0] for line in lines] == [exemplar.id for exemplar in exemplars]
