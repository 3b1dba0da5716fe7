"""One report of what many processes tell."""

from __future__ import annotations

import pytest

from adjudicate.documents import RoomReport
from adjudicate.profiling.stages import PARTS
from adjudicate.report.merge import KNOWN_STAGES, merge
from adjudicate.report.parts import Part
from tests.report.made import WINDOW, answers, card, made, reading, samples_of, silent, told


def test_stages_stand_in_the_order_of_an_ads_way_each_before_its_parts() -> None:
    report = made()
    assert [one.stage for one in report.stages] == [
        *("total", "gateway", "encoder", "encoder.model", "judge", "ledger", "ledger.decide"),
        "later.invention",
    ]
    sources = {one.stage: one.source for one in report.stages}
    assert sources["total"] == sources["ledger"] == "gateway"
    assert sources["encoder"] == sources["ledger.decide"] == "decisions"
    total = report.stage("total")
    assert total is not None
    assert (total.count, total.mean, total.p50) == (10, 550.0, 550.0)


def test_ads_and_requests_are_counted() -> None:
    report = made()
    assert report.ads is not None
    assert report.ads.count == 10
    assert report.ads.per_second == pytest.approx(10 / 600)
    assert report.ads.outcomes == {"approve": 7, "reject": 1, "error": 2}
    assert report.requests == {"ok": 9, "rate_limited": 1}


def test_each_process_is_there_and_one_that_does_not_answer_says_why() -> None:
    rooms = {(room.room, room.replica): room for room in made().rooms}
    assert list(rooms) == [("gateway", 0), ("encoder", 1), ("judge", 0), ("ledger", 0)]
    assert rooms["encoder", 1].measures["cpu"].max == 1.5
    assert rooms["judge", 0].problem == "the judge is not answering"
    assert made().notes == ["judge: the judge is not answering"]


def test_without_the_ledger_there_are_the_gateways_numbers_and_one_remark() -> None:
    silence = [silent("ledger"), silent("ledger", about="decisions")]
    report = merge([*answers()[:3], *silence])
    assert report.ads is None
    assert [one.stage for one in report.stages] == ["total", "gateway", "ledger"]
    assert report.notes.count("ledger: the ledger is not answering") == 1
    assert [room.room for room in report.rooms].count("ledger") == 1


def test_a_card_that_several_processes_see_is_there_once() -> None:
    report = made(cards=(card(0.4), card(None, name="GPU-other")))
    assert [one.id for one in report.gpus] == ["GPU-0123456789ab", "GPU-other"]
    assert report.gpus[0].measures["utilization"].mean == 0.4
    assert "utilization" not in report.gpus[1].measures


def test_of_a_card_whoever_read_it_most_often_tells() -> None:
    once = Part(measured=samples_of(reading(0.1, card(0.4))).measured(WINDOW))
    thrice = Part(measured=samples_of(*[reading(0.1, card(0.6))] * 3).measured(WINDOW))
    for first, second in ((once, thrice), (thrice, once)):
        (found,) = merge([told("gateway", first), told("encoder", second)]).gpus
        assert found.measures["utilization"].count == 3


def test_a_sample_and_a_late_beginning_are_said() -> None:
    parts = [Part.model_validate_json(one.content or "{}") for one in answers()]
    assert parts[0].answered is not None
    assert parts[4].decided is not None
    late = parts[0].answered.first or 1772366460.0
    gateway = parts[0].model_copy(
        update={"answered": parts[0].answered.model_copy(update={"first": late, "ads": 4})}
    )
    sampled = parts[4].model_copy(
        update={"decided": parts[4].decided.model_copy(update={"ads": 1_000})}
    )
    unread = Part(measured=samples_of().measured(WINDOW))
    report = merge(
        [
            told("gateway", gateway),
            told("library", unread),
            told("ledger", sampled, about="decisions"),
        ]
    )
    assert report.notes == [
        "The rooms' stages and the shares are those of an even sample, 10 of 1,000 decisions; the "
        "counts are of all.",
        "The gateway remembers the ads since 2026-03-01 12:01:00: total, gateway and ledger are of "
        "those alone.",
        "No readings: library.",
    ]


def test_what_is_no_answer_is_refused() -> None:
    for wrong in ([], [RoomReport()], [RoomReport(since="x", until="y")]):
        with pytest.raises(ValueError, match=r"holds no report|time is written"):
            merge(wrong)


def test_the_stages_that_are_known_are_those_of_a_profile() -> None:
    parts = {name for stage, names in PARTS.items() for name in names if stage != "network"}
    made_up = {name for name in parts if name.endswith((".own", ".rest"))}
    assert parts - made_up <= set(KNOWN_STAGES)
    assert not made_up & set(KNOWN_STAGES)
