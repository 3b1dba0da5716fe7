"""Keys and tokens: sent with every request on every protocol, shown nowhere."""

from __future__ import annotations

import logging
import traceback

import pytest

from adjudicate import Ad, AsyncClient, AuthenticationError, Client
from adjudicate.credentials import with_key
from tests.client.fake import FakeService

SECRET = "adj_0123456789abcdefghijkl"  # noqa: S105 - of no service


async def test_a_key_goes_with_every_request(url: str, service: FakeService) -> None:
    service.key = SECRET
    async with AsyncClient(url, api_key=SECRET) as client:
        assert (await client.review_all(Ad(text="fine")))[0].outcome == "approve"
        assert len(await client.status()) == 4
    async with AsyncClient(url, token=SECRET) as client:
        assert len(await client.embed(Ad(text="fine"))) == 1


def test_the_synchronous_client_takes_it_too(url: str, service: FakeService) -> None:
    service.key = SECRET
    with Client(url, api_key=SECRET) as client:
        assert len(client.status()) == 4


async def test_without_the_key_the_refusal_has_its_class_and_is_not_repeated(
    url: str, service: FakeService
) -> None:
    service.key = SECRET
    async with AsyncClient(url, api_key="wrong", retries=3) as client:
        with pytest.raises(AuthenticationError) as caught:
            await client.review_all(Ad(text="fine"))
    assert caught.value.detail
    assert len(service.headers) == 1
    assert service.requests == []


async def test_a_key_is_shown_nowhere(
    url: str, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    service.key = "another"
    client = AsyncClient(url, api_key=SECRET, retries=0)
    with pytest.raises(AuthenticationError) as caught:
        await client.review_all(Ad(text="fine"))
    logged = [r.getMessage() for r in caplog.records if not r.name.startswith("websockets.server")]
    shown = "\n".join([*traceback.format_exception(caught.value), repr(client), *logged])
    await client.close()
    assert service.headers, "it was sent"
    assert SECRET not in shown
    assert repr(client) == f"AsyncClient('{url}')"


def test_the_environment_s_key_counts_where_none_is_given() -> None:
    environ = {"ADJUDICATE_API_KEY": "of-env\n"}
    assert with_key({}, None, None, environ) == {"Authorization": "Bearer of-env"}
    assert with_key({}, "given", None, environ) == {"Authorization": "Bearer given"}
    assert with_key({}, None, "jwt", environ) == {"Authorization": "Bearer jwt"}
    assert with_key({}, "", None, environ) == {}, "an empty key means none"
    own = {"authorization": "Basic x"}
    assert with_key(own, None, None, environ) == own
    assert with_key({"X-Team": "ads"}, None, None, {}) == {"X-Team": "ads"}


async def test_the_environment_is_read_when_a_client_is_made(
    url: str, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.key = SECRET
    monkeypatch.setenv("ADJUDICATE_API_KEY", SECRET)
    async with AsyncClient(url) as client:
        assert len(await client.status()) == 4


@pytest.mark.parametrize("wrong", [f"{SECRET} x", f"{SECRET}\r\nX-Evil: 1", f"{SECRET}钥"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(wrong: str) -> None:
    with pytest.raises(ValueError, match="no spaces") as caught:
        AsyncClient(api_key=wrong)
    assert SECRET not in str(caught.value)


def test_one_of_them_is_enough() -> None:
    with pytest.raises(ValueError, match="not both"):
        AsyncClient(api_key="a", token="b")
    with pytest.raises(ValueError, match="not both"):
        AsyncClient(api_key="a", headers={"authorization": "Bearer b"})


def test_a_password_in_the_url_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="holds no user or password") as caught:
        AsyncClient(f"https://me:{SECRET}@ads.example")
    assert SECRET not in str(caught.value)
