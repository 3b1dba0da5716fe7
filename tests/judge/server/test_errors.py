"""What a status means, and how long a server asks to wait."""

from __future__ import annotations

import email.utils
import time

import httpx
import openai
import pytest

from executors.judge.breaker import Fault
from executors.judge.server.errors import NotTaken, of_status


def status_error(
    code: int, body: object = None, headers: dict[str, str] | None = None
) -> openai.APIStatusError:
    request = httpx.Request("POST", "http://server/v1/chat/completions")
    response = httpx.Response(code, request=request, headers=headers)
    return openai.APIStatusError("no", response=response, body=body)


@pytest.mark.parametrize(
    ("code", "reason", "retry", "fault"),
    [
        (400, "server_refused", False, False),
        (401, "server_refused", False, False),
        (404, "server_refused", False, False),
        (408, "server_error", True, True),
        (409, "server_busy", True, False),
        (413, "server_refused", False, False),
        (422, "server_refused", False, False),
        (429, "server_busy", True, False),
        (500, "server_error", True, True),
        (503, "server_error", True, True),
        (529, "server_error", True, True),
    ],
)
def test_what_a_status_means(code: int, reason: str, retry: bool, fault: bool) -> None:
    error = of_status(status_error(code), str)
    assert (error.reason, error.retry, isinstance(error, Fault)) == (reason, retry, fault)
    assert isinstance(error, NotTaken) == (code in (400, 413, 422))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2),
        ("0.5", 0.5),
        ("-3", 0),
        ("soon", 0),
    ],
)
def test_a_retry_after_is_seconds(header: str, seconds: float) -> None:
    error = of_status(status_error(429, headers={"retry-after": header}), str)
    assert error.after == seconds


@pytest.mark.parametrize(("away", "least"), [(100, 90), (-100, 0)])
def test_or_a_date(away: float, least: float) -> None:
    date = email.utils.formatdate(time.time() + away, usegmt=True)
    error = of_status(status_error(429, headers={"retry-after": date}), str)
    assert least <= error.after <= max(0, away)


@pytest.mark.parametrize(
    "body", [{"message": "too long"}, {"detail": "too long"}, "too long", {"message": "too\nlong"}]
)
def test_why_an_ad_is_refused_is_said_in_one_line(body: object) -> None:
    assert of_status(status_error(400, body), str).detail == "status 400: too long"


def test_what_a_server_says_of_a_key_is_not_repeated() -> None:
    for code in (401, 403):
        detail = of_status(status_error(code, {"message": "Incorrect key: sk-…4711"}), str).detail
        assert detail == f"status {code}"
