"""Ways to make the service call what it should not. None gets out: every attempt to connect is
noted, and none was made to an address inside."""

from __future__ import annotations

import pytest

from adjudicate.documents import Ad
from adjudicate.errors import Code
from executors.gateway.fetch.fetching import Fetching
from executors.shared.settings import FetchSettings
from tests.gateway.fetch.conftest import fetching_over, filled
from tests.gateway.fetch.inside import INSIDE
from tests.gateway.fetch.network import (
    HOST,
    PICTURE,
    PUBLIC,
    Names,
    Origin,
    Recorded,
    answer,
    redirected,
)

URLS = {
    "http": f"http://{HOST}/a",
    "a scheme as long as https": f"httpx://{HOST}/a",
    "ftp": f"ftp://{HOST}/a",
    "file": "file:///etc/passwd",
    "file with a host": f"file://{HOST}/etc/passwd",
    "gopher": f"gopher://{HOST}:6379/_FLUSHALL",
    "data": "data:image/png;base64,AAAA",
    "no scheme": f"//{HOST}/a",
    "no slashes": f"https:{HOST}/a",
    "one slash": f"https:/{HOST}/a",
    "three slashes": f"https:///{HOST}/a",
    "jar": f"jar:https://{HOST}/a!/b",
    "localhost": "https://localhost/a",
    "localhost by another name": "https://localhost.localdomain/a",
    "loopback": "https://127.0.0.1/a",
    "metadata": "https://169.254.169.254/latest/meta-data/",
    "metadata by name": "https://metadata.google.internal/computeMetadata/v1/",
    "decimal": "https://2130706433/a",
    "octal": "https://0177.0.0.1/a",
    "octal in one": "https://017700000001/a",
    "hexadecimal": "https://0x7f000001/a",
    "hexadecimal by parts": "https://0x7f.0x0.0x0.0x1/a",
    "short": "https://127.1/a",
    "shorter": "https://0/a",
    "IPv6 loopback": "https://[::1]/a",
    "IPv4-mapped": "https://[::ffff:127.0.0.1]/a",
    "IPv6 with a zone": "https://[fe80::1%25lo]/a",
    "nip.io": "https://127.0.0.1.nip.io/a",
    "userinfo": f"https://{HOST}@127.0.0.1/a",
    "userinfo of the host": f"https://user:secret@{HOST}/a",
    "userinfo, escaped": f"https://{HOST}%40127.0.0.1/a",
    "empty userinfo": f"https://@{HOST}/a",
    "backslash": f"https://127.0.0.1\\@{HOST}/a",
    "backslash for a slash": f"https:\\\\{HOST}/a",
    "backslash in the path": f"https://{HOST}/\\127.0.0.1",
    "line feed": f"https://{HOST}/a\r\nHost: localhost\r\n\r\nGET /secret",
    "tab in the host": "https://cdn.exam\tple.com/a",
    "NUL": f"https://{HOST}\x00.evil.com/a",
    "space before": f" https://{HOST}/a",
    "no-break space": f"https://{HOST}\u00a0/a",
    "soft hyphen": "https://cdn.exam\u00adple.com/a",
    "right-to-left override": f"https://{HOST}/\u202egnp.a",
    "ideographic full stop": "https://127。0。0。1/a",
    "full-width dots": "https://cdn．example．com/a",
    "full-width letters": "https://ｃdn.example.com/a",
    "circled digits": "https://①②⑦.⓪.⓪.①/a",
    "Cyrillic lookalike": "https://cdn.ex\u0430mple.com/a",
    "punycode lookalike": "https://cdn.xn--exmple-4nf.com/a",
    "sharp s": "https://cdn.eßample.com/a",
    "trailing dot": f"https://{HOST}./a",
    "double dot": "https://cdn..example.com/a",
    "escaped dot": "https://cdn%2eexample%2ecom/a",
    "a name that ends alike": "https://evilcdn.example.com/a",
    "a name that begins alike": f"https://{HOST}.evil.com/a",
    "the star's own name": "https://ads.example.com/a",
    "the star itself": "https://*.ads.example.com/a",
    "a query for a host": "https://evil.com?@cdn.example.com/",
    "a fragment for a host": "https://evil.com#@cdn.example.com/",
    "a semicolon in the host": f"https://evil.com;{HOST}/a",
    "another port": f"https://{HOST}:22/a",
    "a port that is none": f"https://{HOST}:0/a",
    "a port too large": f"https://{HOST}:65979/a",
    "a negative port": f"https://{HOST}:-443/a",
    "an empty port": f"https://{HOST}:/a",
    "a full-width port": f"https://{HOST}:４４３/a",
    "no host": "https://",
    "no host but a port": "https://:443/a",
    "a label too long": f"https://{'a' * 64}.ads.example.com/a",
    "a name too long": f"https://{'a.' * 130}ads.example.com/a",
    "endless": f"https://{HOST}/{'a' * 10_000}",
}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
async def test_a_crooked_url_is_refused_before_any_name_is_looked_up(url: str) -> None:
    names, network = Names(), Recorded({PUBLIC: [answer()], "127.0.0.1": [answer()]})
    (got,) = await filled(fetching_over(names, network), Ad(url=url))
    assert got.problem is not None
    assert got.problem.code == Code.URL_NOT_ALLOWED
    assert got.image is None
    assert names.asked == network.attempts == []


@pytest.mark.parametrize("address", INSIDE)
@pytest.mark.parametrize("beside", [(), (PUBLIC,)], ids=["alone", "behind a public one"])
async def test_a_listed_name_that_leads_inside_is_not_called(
    address: str, beside: tuple[str, ...]
) -> None:
    names, network = Names(), Recorded({PUBLIC: [answer()], address: [answer()]})
    names.say(HOST, [*beside, address])
    (got,) = await filled(fetching_over(names, network), Ad(url=f"https://{HOST}/a"))
    assert got.problem is not None
    assert got.problem.code == Code.URL_UNREACHABLE
    assert (got.image, network.attempts) == (None, [])


async def test_an_ad_cannot_tell_what_is_inside_from_what_is_not_there() -> None:
    """Else the names of a wildcard could be probed, one by one."""
    names, network = Names(), Recorded()
    names.say("wiki.ads.example.com", ["10.1.2.3"])
    names.say("nothing.ads.example.com", [])
    names.say("closed.ads.example.com", [PUBLIC])
    ads = [Ad(url=f"https://{name}.ads.example.com/a") for name in ("wiki", "nothing", "closed")]
    problems = [ad.problem for ad in await filled(fetching_over(names, network), *ads)]
    told = {(problem.code, problem.detail) for problem in problems if problem}
    assert told == {(Code.URL_UNREACHABLE, "The URL's host cannot be reached.")}
    assert network.attempts == [PUBLIC]


async def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to() -> None:
    names, network = Names(), Recorded({PUBLIC: [answer()], "127.0.0.1": [answer(body=b"inside")]})
    names.say(HOST, [PUBLIC], ["127.0.0.1"])
    (got,) = await filled(fetching_over(names, network), Ad(url=f"https://{HOST}/a"))
    assert got.image == PICTURE
    assert (names.asked, network.attempts) == ([HOST], [PUBLIC])


async def test_a_redirect_to_the_same_name_is_resolved_and_checked_anew() -> None:
    names = Names()
    names.say(HOST, [PUBLIC], ["169.254.169.254"])
    network = Recorded({PUBLIC: [redirected("/b"), answer()], "169.254.169.254": [answer()]})
    (got,) = await filled(fetching_over(names, network), Ad(url=f"https://{HOST}/a"))
    assert got.problem is not None
    assert got.problem.code == Code.URL_UNREACHABLE
    assert (names.asked, network.attempts) == ([HOST, HOST], [PUBLIC])


LOCATIONS = {
    **{name: url for name, url in URLS.items() if url.isascii()},
    "other host": "//evil.com/a",
    "path of two slashes": "//127.0.0.1/a",
    "javascript": "javascript:alert(1)",
}
# These mean the host that sent it, which is listed: white space around a header's value is none.
for harmless in ("no scheme", "space before"):
    LOCATIONS.pop(harmless)
# What a header cannot hold.
for unsendable in ("line feed", "NUL"):
    LOCATIONS.pop(unsendable)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temp", "308 Perm"])
async def test_a_redirect_is_held_to_the_same_rules_whatever_its_status(status: str) -> None:
    names, network = Names(), Recorded({PUBLIC: [redirected("https://127.0.0.1/", status)]})
    names.say(HOST, [PUBLIC])
    (got,) = await filled(fetching_over(names, network), Ad(url=f"https://{HOST}/a"))
    assert got.problem is not None
    assert got.problem.code == Code.URL_NOT_ALLOWED
    assert network.attempts == [PUBLIC]


@pytest.mark.parametrize("location", LOCATIONS.values(), ids=LOCATIONS)
async def test_a_redirect_to_a_crooked_url_is_not_followed(location: str) -> None:
    behind = {PUBLIC: [redirected(location), answer()], "127.0.0.1": [answer()]}
    names, network = Names(), Recorded(behind)
    names.say(HOST, [PUBLIC])
    (got,) = await filled(fetching_over(names, network), Ad(url=f"https://{HOST}/a"))
    assert got.problem is not None
    assert got.problem.code in (Code.URL_NOT_ALLOWED, Code.URL_UNREACHABLE)
    assert got.image is None
    assert (names.asked, network.attempts) == ([HOST], [PUBLIC])
    assert location not in got.problem.detail


async def test_a_redirect_says_nothing_of_where_it_led() -> None:
    content = redirected("https://vault.internal.example.com:8200/secret")
    names, network = Names(), Recorded({PUBLIC: [content]})
    names.say(HOST, [PUBLIC])
    (got,) = await filled(fetching_over(names, network), Ad(url=f"https://{HOST}/a"))
    assert got.problem is not None
    assert "vault" not in got.problem.detail
    assert "8200" not in got.problem.detail


async def test_a_loop_of_redirects_ends() -> None:
    names, network = Names(), Recorded({PUBLIC: [redirected(f"https://{HOST}/a")]})
    names.say(HOST, [PUBLIC])
    fetching = fetching_over(names, network, max_redirects=2)
    (got,) = await filled(fetching, Ad(url=f"https://{HOST}/a"))
    assert got.problem is not None
    assert got.problem.detail == "The URL redirects more than 2 times."
    assert network.attempts == [PUBLIC] * 3


async def test_the_environments_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    names, network = Names(), Recorded({PUBLIC: [answer()]})
    names.say(HOST, [PUBLIC])
    (got,) = await filled(fetching_over(names, network), Ad(url=f"https://{HOST}/a"))
    assert got.image == PICTURE
    assert network.attempts == [PUBLIC]


async def test_nothing_of_the_service_is_sent_and_no_cookie_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NETRC", "/dev/null")
    first = redirected("/b").replace(b"\r\n\r\n", b"\r\nSet-Cookie: session=1; Path=/\r\n\r\n", 1)
    names, network = Names(), Recorded({PUBLIC: [first, answer()]})
    names.say(HOST, [PUBLIC])
    ad = Ad(url=f"https://{HOST}/a?x=1#here", traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    await filled(fetching_over(names, network), ad)
    sent = b"".join(network.sent).decode()
    assert sent.count(f"TLS {HOST}\n") == 2
    names_sent = {line.partition(":")[0].lower() for line in sent.splitlines() if ": " in line}
    assert names_sent == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert "GET /a?x=1 HTTP/1.1" in sent
    assert "here" not in sent


async def test_a_real_connection_inside_is_never_opened(origin: Origin) -> None:
    """As the service would be: the system's own network, and only the name server lies."""
    names = Names()
    names.say(HOST, ["127.0.0.1"])
    origin.pages["/a"] = answer()
    settings = FetchSettings(hosts=(HOST,), ports=(origin.port,))
    fetching = Fetching(settings, 100_000, resolver=names, trust=origin.trust)
    (got,) = await filled(fetching, Ad(url=f"https://{HOST}:{origin.port}/a"))
    assert got.problem is not None
    assert origin.requests == []


async def test_one_ads_attack_is_no_other_ads_problem() -> None:
    names, network = Names(), Recorded({PUBLIC: [answer()]})
    names.say(HOST, [PUBLIC])
    ads = [Ad(url=url) for url in URLS.values()]
    good = [Ad(url=f"https://{HOST}/a"), Ad(text="tea"), Ad(image=b"here", url=URLS["loopback"])]
    got = await filled(fetching_over(names, network), *ads, *good)
    assert [bool(ad.problem) for ad in got[-3:]] == [False] * 3
    assert [ad.image for ad in got[-3:]] == [PICTURE, None, b"here"]
    assert network.only_public()
