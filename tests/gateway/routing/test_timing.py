"""What the gateway adds to a decision's timings."""

from __future__ import annotations

import time

import pytest
from docarray import DocList
from jina.types.request.data import DataRequest

from adjudicate.documents import Decision
from executors.gateway.routing.timing import note_times


def noted(timings: dict[str, float], asked: dict[str, float], whole: float) -> dict[str, float]:
    answer = DataRequest()
    answer.document_array_cls = DocList[Decision]
    answer.data.docs = DocList[Decision]([Decision(timings=timings)])
    answer = DataRequest(answer.proto)
    note_times(answer, asked, time.perf_counter() - whole / 1_000)
    answer.document_array_cls = DocList[Decision]
    return dict(answer.docs[0].timings)


def test_the_stages_add_up_to_the_time_since_the_request_came() -> None:
    rooms = {"encoder": 20.0, "ledger": 5.0, "encoder.model": 12.0}
    found = noted(rooms, {"encoder": 24.0, "ledger": 5.5}, 1_000)
    assert {name: found[name] for name in rooms} == rooms
    assert found["gateway.encoder"] == pytest.approx(4.0)
    assert found["gateway.ledger"] == pytest.approx(0.5)
    whole = sum(ms for name, ms in found.items() if "." not in name)
    assert 1_000 <= whole < 60_000
    assert whole == pytest.approx(found["gateway"] + 25.0)


def test_an_ad_that_waited_for_a_room_that_others_needed_says_so() -> None:
    found = noted({"encoder": 1.0}, {"encoder": 1.0, "judge": 80.0}, 100)
    assert found["gateway.judge"] == pytest.approx(80.0)
    assert "judge" not in found


def test_no_time_is_negative_where_a_decision_is_an_earlier_ones() -> None:
    found = noted({"encoder": 900.0}, {"encoder": 2.0}, 10)
    assert found["gateway.encoder"] == found["gateway"] == 0.0
