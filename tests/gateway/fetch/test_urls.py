"""Which URLs are read at all."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudicate.errors import AdError, Code
from executors.gateway.fetch.urls import Allowed

ALLOWED = Allowed({"cdn.example.com", "*.ads.example.com"}, {443, 8443})


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://cdn.example.com/a.png", "cdn.example.com", 443, "/a.png"),
        ("HTTPS://CDN.Example.COM/A.png", "cdn.example.com", 443, "/A.png"),
        ("https://cdn.example.com", "cdn.example.com", 443, "/"),
        ("https://cdn.example.com?id=1", "cdn.example.com", 443, "/?id=1"),
        ("https://cdn.example.com#top", "cdn.example.com", 443, "/"),
        ("https://cdn.example.com/a%20b?x=%2F#y", "cdn.example.com", 443, "/a%20b?x=%2F"),
        ("https://cdn.example.com/图.png", "cdn.example.com", 443, "/%E5%9B%BE.png"),
        ("https://cdn.example.com/a@b:c", "cdn.example.com", 443, "/a@b:c"),
        ("https://cdn.example.com:8443/a", "cdn.example.com", 8443, "/a"),
        ("https://one.ads.example.com/a", "one.ads.example.com", 443, "/a"),
        ("https://a.b.ads.example.com/a", "a.b.ads.example.com", 443, "/a"),
    ],
)
def test_a_url_of_a_listed_host_is_read(url: str, host: str, port: int, path: str) -> None:
    target = ALLOWED.target(url)
    assert (target.host, target.port, target.path) == (host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a",
        "https://ads.example.com/a",
        "https://evil-cdn.example.com/a",
        "https://cdn.example.com.evil.com/a",
        "https://xads.example.com/a",
        "https://cdn.example.com:8080/a",
        "https://cdn.example.com:99999/a",
        "https://cdn.example.com/" + "a" * 2_048,
    ],
)
def test_what_is_not_listed_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(AdError) as refused:
        ALLOWED.target(url)
    assert refused.value.code is Code.URL_NOT_ALLOWED
    assert refused.value.detail.endswith(".")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://cdn.example.com/a", "Only URLs that begin with https:// are fetched."),
        ("https://me:secret@cdn.example.com/a", "The URL names a user; credentials are not sent."),
        ("https://cdn.ex\u0430mple.com/a", "The URL's host must be written in ASCII"),
        ("https://cdn.example.com/a b", "a space, a control character or a backslash"),
        ("https://10.0.0.1/a", "must be a name such as cdn.example.com, not an address"),
        ("https://cdn.example.com:22/a", "Pictures are fetched from port 443, 8443 only."),
        ("https://cdn.example.org/a", "Pictures are not fetched from the URL's host."),
    ],
)
def test_the_sentence_says_what_is_wrong_and_repeats_no_secret(url: str, says: str) -> None:
    with pytest.raises(AdError, match=re.escape(says)) as refused:
        ALLOWED.target(url)
    assert "secret" not in refused.value.detail


PIECES = st.sampled_from(
    (
        *"/?#@:\\.%[]0x1 \t\r\n。．",
        *("https://", "http://", "cdn.example.com", "ads.example.com", "127.0.0.1", "localhost"),
        *("xn--", "２", "&", "user:pass", "..", "%2e", "%00", "\ud800"),
    )
)
STARTS = st.sampled_from(["", "cdn.example.com", "cdn.example.com/", "x.ads.example.com"])


@given(STARTS, st.lists(PIECES, max_size=8).map("".join))
def test_whatever_is_read_other_parsers_read_alike(start: str, rest: str) -> None:
    url = f"https://{start}{rest}"
    try:
        target = ALLOWED.target(url)
    except AdError:
        return
    assert target.host == "cdn.example.com" or target.host.endswith(".ads.example.com")
    for host, port in ((urlsplit(url).hostname, urlsplit(url).port), _as_httpx(url)):
        assert (host, port or 443) == (target.host, target.port)


def _as_httpx(url: str) -> tuple[str, int | None]:
    found = httpx.URL(url)
    return found.host, found.port
