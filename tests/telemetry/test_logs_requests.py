"""The gateway's lines: what it refused and what failed, who asked, and nothing of the request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from jina.types.request.data import DataRequest
from opentelemetry.trace import SpanContext, TraceFlags

from adjudicate.errors import AdjudicateError, Code, fault
from executors.gateway.access.asgi import HttpGuard
from executors.gateway.access.authenticator import Authenticator
from executors.gateway.caller import CALLER, Caller
from executors.gateway.protocols.counted import Counted
from executors.gateway.telemetry.asked import asked, refused_unasked
from executors.gateway.telemetry.request_lines import TELLING
from tests.gateway.limits.gateway import MIB, request_of, running, until

DESK = Caller("key:0123456789ab", "the desk")


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, "adjudicate.requests"):
        yield caplog


def lines(logged: pytest.LogCaptureFixture) -> list[tuple[str, str, dict[str, Any]]]:
    """Level, event and fields, without the time that it took."""
    found = []
    for record in logged.records:
        if record.name == "adjudicate.requests":
            values = dict(record.fields)  # type: ignore[attr-defined]
            assert values.pop("ms") >= 0
            found.append((record.levelname, record.getMessage(), values))
    return found


def refuse(error: Exception, endpoint: str = "/review") -> None:
    with suppress(type(error)), asked("http") as request:
        request.caller = DESK.id
        request.entered(endpoint)
        request.span = SpanContext(0xABC, 1, True, TraceFlags(1))
        raise error


def test_a_refusal_says_its_code_protocol_caller_and_trace(
    logged: pytest.LogCaptureFixture,
) -> None:
    refuse(fault(Code.RATE_LIMITED, "100 ads a minute are allowed."))
    assert lines(logged) == [
        (
            "INFO",
            "refused",
            {
                "code": "rate_limited",
                "protocol": "http",
                "endpoint": "/review",
                "caller": DESK.id,
                "detail": "100 ads a minute are allowed.",
                "trace_id": f"{0xABC:032x}",
            },
        )
    ]


@pytest.mark.parametrize(
    ("error", "level", "code"),
    [
        (fault(Code.NO_ADS), "INFO", "no_ads"),
        (fault(Code.ROOM_UNAVAILABLE), "WARNING", "room_unavailable"),
        (fault(Code.OVERLOADED), "WARNING", "overloaded"),
        (fault(Code.INTERNAL), "ERROR", "internal"),
        (ValueError("a mistake of ours"), "ERROR", "internal"),
    ],
)
def test_the_level_is_that_of_who_is_at_fault(
    logged: pytest.LogCaptureFixture, error: Exception, level: str, code: str
) -> None:
    refuse(error)
    ((found, event, values),) = lines(logged)
    assert (found, values["code"]) == (level, code)
    assert event == ("refused" if level == "INFO" else "failed")


@pytest.mark.parametrize("code", sorted(set(Code) - TELLING))
def test_a_detail_that_may_quote_the_request_is_not_logged(
    logged: pytest.LogCaptureFixture, code: Code
) -> None:
    refuse(fault(code, "not known: 'cures cancer'"))
    assert "cures" not in str(lines(logged))


def test_what_went_well_is_said_at_debug_only(caplog: pytest.LogCaptureFixture) -> None:
    for level in (logging.INFO, logging.DEBUG):
        with caplog.at_level(level, "adjudicate.requests"), asked("ws") as request:
            request.entered("/review")
    ((level_name, event, values),) = lines(caplog)
    assert (level_name, event, values["code"]) == ("DEBUG", "answered", "ok")


def test_who_left_or_probes_is_no_line(logged: pytest.LogCaptureFixture) -> None:
    with pytest.raises(asyncio.CancelledError), asked("http"):
        raise asyncio.CancelledError
    with asked("http") as request:
        request.counts = False
        request.refused(fault(Code.NO_ADS))
    assert lines(logged) == []


def test_a_flood_of_one_caller_does_not_hide_anothers(logged: pytest.LogCaptureFixture) -> None:
    refuse(fault(Code.RATE_LIMITED))
    token = CALLER.set(Caller("key:ba9876543210"))
    refused_unasked("http", fault(Code.RATE_LIMITED))
    CALLER.reset(token)
    one, other = (record.kind for record in logged.records)  # type: ignore[attr-defined]
    assert one != other
    assert lines(logged)[1][2]["caller"] == "key:ba9876543210"


class Known(Authenticator):
    """Knows one key."""

    def __init__(self) -> None:
        """There is no store."""

    async def authenticate(self, credential: str) -> Caller:
        if credential != "good":
            raise fault(Code.UNAUTHENTICATED, "The key is not known.")
        return DESK


class Application:
    """Refuses everything behind the guard."""

    routes: tuple[()] = ()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise AdjudicateError(Code.MALFORMED, "cures cancer")


@pytest.mark.parametrize(("key", "caller"), [(b"good", DESK.id), (b"wrong", None)])
async def test_at_the_guard_a_caller_is_named_once_it_is_known(
    logged: pytest.LogCaptureFixture, key: bytes, caller: str | None
) -> None:
    app = Counted(HttpGuard(Application(), Known()))
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/status",
        "query_string": b"",
        "headers": [(b"x-api-key", key)],
    }

    async def send(_message: Any) -> None: ...

    if caller is None:
        await app(scope, None, send)  # type: ignore[arg-type]
    else:
        with pytest.raises(AdjudicateError):
            await app(scope, None, send)  # type: ignore[arg-type]
    ((_, _, values),) = lines(logged)
    assert values.get("caller") == caller
    assert values["code"] == ("unauthenticated" if caller is None else "malformed_request")
    assert "good" not in str(values)
    assert "wrong" not in str(values)


async def test_who_is_one_connection_too_many_or_too_slow_has_a_line(
    logged: pytest.LogCaptureFixture,
) -> None:
    async with running(connections=1, header_s=0.2) as gateway:
        port = gateway.ports["http"]
        _, first = await asyncio.open_connection("127.0.0.1", port)
        first.write(b"GET / HTTP/1.1\r\n")
        reader, second = await asyncio.open_connection("127.0.0.1", port)
        await reader.read(100)
        await until(lambda: len(lines(logged)) == 2)
        for writer in (first, second):
            writer.close()
    assert {values["code"] for _, _, values in lines(logged)} == {"overloaded", "request_timeout"}


async def test_a_message_of_a_stream_that_finds_no_room_has_a_line(
    logged: pytest.LogCaptureFixture,
) -> None:
    async with running(body_bytes=MIB) as gateway:
        gateway.limits.bodies.change(MIB)
        sent = DataRequest(request_of("a").to_bytes())
        answer = await gateway.streams._counted(sent, lambda: None)
        gateway.limits.bodies.change(-MIB)
    assert answer.header.status.description.startswith("overloaded")
    ((level, _, values),) = lines(logged)
    assert (level, values["code"]) == ("WARNING", "overloaded")
