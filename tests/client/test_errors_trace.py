"""Errors of the service say the trace that its operators find them by."""

from __future__ import annotations

import pickle  # noqa: TID251 - how pools of processes hand errors on

import pytest
import typer

from adjudicate.cli.exits import Exit, one_sentence
from adjudicate.errors import Code, ServiceError, fault
from adjudicate.transports.faults import from_status, from_text

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_an_error_keeps_its_trace_id_wherever_it_goes() -> None:
    said = from_status(503, {"code": "room_unavailable", "detail": "no", "trace_id": TRACE})
    assert said.trace_id == TRACE
    assert pickle.loads(pickle.dumps(said)).trace_id == TRACE  # noqa: S301
    told = from_text("overloaded: later", trace_id=TRACE)
    assert told is not None
    assert told.trace_id == TRACE


@pytest.mark.parametrize("given", [None, 7, [TRACE]])
def test_what_is_no_text_is_no_trace_id(given: object) -> None:
    assert fault(Code.INTERNAL, trace_id=given).trace_id == ""
    assert from_status(502, {"trace_id": given}).trace_id == ""


def test_the_command_line_says_it_where_the_service_has_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(typer.Exit) as left, one_sentence():
        raise fault(Code.ROOM_UNAVAILABLE, "the judge is down", trace_id=TRACE)
    assert left.value.exit_code == Exit.UNAVAILABLE
    assert capsys.readouterr().err == f"adjudicate: the judge is down (trace {TRACE})\n"
    with pytest.raises(typer.Exit), one_sentence():
        raise ServiceError(Code.OVERLOADED, "nothing answers")
    assert capsys.readouterr().err == "adjudicate: nothing answers\n"
