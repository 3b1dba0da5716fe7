"""The report for people: in a terminal, and as a page."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest
from rich.console import Console

from adjudicate.report.checking import Bound, check
from adjudicate.report.merge import merge
from adjudicate.report.model import Report
from adjudicate.report.show import amount, decimals, headline, length, period, show
from tests.report.made import answers, card, made

pytest.importorskip("matplotlib")

from adjudicate.report.figure import plots
from adjudicate.report.page import page

STRICT = [Bound(measure="stages.total.p95", most=1.0, alert="AdjudicateSlow")]


def printed(report: Report, bounds: list[Bound] | None = None) -> str:
    written = io.StringIO()
    checked = None if bounds is None else check(report, bounds)
    show(report, Console(file=written, width=120), checked)
    return written.getvalue()


def nothing_happened() -> Report:
    parts = answers()
    return merge([parts[1].model_copy(update={"content": ""})])


def test_the_terminal_shows_times_processes_and_cards() -> None:
    said = printed(made(cards=(card(),)), STRICT)
    (total,) = [line for line in said.splitlines() if line.strip().startswith("total")]
    numbers = ["550.0", "100.0", "1,000", "287.2", "550.0", "955.0", "991.0"]
    assert total.split() == ["total", "10", *numbers]
    assert re.search(r"encoder/1 +CPU, cores +1\.500 +1\.500 +1\.500", said)
    assert re.search(r"H200 01234567 +utilization, % +50\.0", said)
    assert "ads with a problem: 1 image_empty, 1 room_unavailable" in said
    assert "reasons: 7 below_thresholds, 2 image_empty, 1 judged_violation" in said
    assert "requests: 9 ok, 1 rate_limited" in said
    assert "judge: the judge is not answering" in said
    assert "stages.total.p95: 955 ms, bound ≤ 1 ms" in said
    assert "0 of 1 bounds hold" in said


def test_a_narrow_terminal_gets_fewer_columns_and_whole_words() -> None:
    written = io.StringIO()
    show(made(cards=(card(),)), Console(file=written, width=80))
    said = written.getvalue()
    assert max(len(line) for line in said.splitlines()) <= 80
    (total,) = [line for line in said.splitlines() if line.strip().startswith("total")]
    assert total.split() == ["total", "10", "550.0", "1,000", "550.0", "955.0", "991.0"]
    assert "…" not in said


def test_the_headline_says_what_became_of_the_ads() -> None:
    report = made()
    assert headline(report) == (
        "10 ads, 0.017 a second: 7 approve, 1 reject, 2 error; 20.0% judged"
    )
    assert period(report) == "2026-03-01 12:00:00 to 12:10:00 UTC, 10 min"
    assert headline(nothing_happened()) == (
        "What was decided is not known: the ledger does not answer."
    )


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (12_000, "ms", "12,000 ms"),
        (1.5e9, "B", "1.5 GB"),
        (0.001, "%", "0.1 %"),
        (85, "°C", "85 °C"),
        (0.12345, "cores", "0.1235 cores"),
        (0, "", "0"),
        (9e18, "B", "9e+03 PB"),
    ],
)
def test_amounts_have_their_unit(value: float, unit: str, said: str) -> None:
    assert amount(value, unit) == said


def test_lengths_and_decimals() -> None:
    assert [length(s) for s in (5_400, 90, 86_400, 0.5)] == [
        *("1 h 30 min", "1 min 30 s", "1 d", "0.5 s"),
    ]
    assert [decimals(v) for v in (0.0451, 4.5, 45.61, 4_561.2)] == [
        *("0.045", "4.500", "45.6", "4,561"),
    ]


class _Page(HTMLParser):
    """What of a page would be fetched, and whether its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.fetched += [
            f"{tag} {found[name]}"
            for name in ("src", "href", "xlink:href")
            if name in found and not (found[name] or "").startswith("#")
        ]
        self.fetched += [tag] if tag in ("script", "link", "iframe") else []
        self.ids += [found["id"]] if found.get("id") else []  # type: ignore[list-item]
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_no_other_file_and_says_what_the_report_says() -> None:
    report = made(cards=(card(),))
    text = page(report, check(report, STRICT))
    found = _Page(text)
    assert found.fetched == []
    assert found.open == []
    assert "url(http" not in text
    assert "@import" not in text
    for said in (headline(report), "955.0", "encoder/1", "H200", "rate_limited"):
        assert said in text
    assert "1 of 1 bounds is broken" in text
    assert "(AdjudicateSlow)" in text
    assert text == page(report, check(report, STRICT))  # the same report gives the same file


def test_what_the_service_is_told_cannot_become_markup() -> None:
    report = made()
    evil = "<script>alert(1)</script>"
    room = report.rooms[2].model_copy(update={"problem": evil, "room": evil})
    text = page(report.model_copy(update={"rooms": [room], "notes": [evil]}))
    assert "<script" not in text


def test_each_plot_is_well_formed_in_the_pages_colours_and_has_a_name() -> None:
    drawn = plots(made(cards=(card(),)))
    assert [plot.title for plot in drawn] == [
        "Ads a second, by outcome",
        "Milliseconds of an ad in all",
        "Milliseconds by stage: p50, p95, p99",
        "CPU, cores",
        "Resident memory, GB",
        "GPU utilisation, %",
        "GPU memory, GB",
        "GPU temperature, °C",
    ]
    for plot in drawn:
        root = ElementTree.fromstring(plot.svg)
        assert root.get("aria-label") == plot.title
        assert "var(--ink)" in plot.svg or "var(--soft)" in plot.svg
        assert not re.findall(r"#0[1-4]0[0-4]0[0-9a-f]", plot.svg)
        # Not black on a dark page.
        assert "#000000" not in plot.svg


def test_nothing_to_draw_is_no_plot_and_still_a_page() -> None:
    report = nothing_happened()
    assert plots(report) == []
    assert headline(report) in page(report)
