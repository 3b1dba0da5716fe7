"""Fetched pictures on their way through the rooms, by every way into them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from docarray import DocList

from adjudicate.documents import Ad, Case, Exemplar
from adjudicate.errors import Code, ConfigurationError
from executors.gateway.caller import OPEN
from executors.gateway.door import Door
from executors.gateway.fetch.fetching import Fetching, open_fetching
from executors.gateway.operations.api import Api
from executors.gateway.protocols.http import create_app
from executors.gateway.routing.rooms import Rooms
from executors.shared.settings import FetchSettings, GatewaySettings, Settings
from tests.gateway.fetch.conftest import ads_of, fetching_over, message
from tests.gateway.fetch.network import HOST, PICTURE, PUBLIC, Names, Recorded, answer
from tests.gateway.routing.test_graph import EDGES, WHEN, Pool, TopologyGraph

URL = f"https://{HOST}/a"


class Seen(Pool):
    """Keeps what the encoder is asked with, on every endpoint."""

    def ads(self) -> list[Ad]:
        return [ad for room, docs in self.asked if room == "encoder" for ad in docs[0]]


@pytest.fixture
def pool() -> Seen:
    return Seen()


@pytest.fixture
def names() -> Names:
    names = Names()
    names.say(HOST, [PUBLIC])
    return names


@pytest.fixture
def network() -> Recorded:
    return Recorded({PUBLIC: [answer()]})


@pytest.fixture
def rooms(pool: Seen, names: Names, network: Recorded) -> Rooms:
    topology = TopologyGraph(
        graph_representation=EDGES, graph_conditions=WHEN, deployments_no_reduce=["ledger"]
    )
    streamer: Any = SimpleNamespace(
        _connection_pool=pool, topology_graph=topology, _streamer=SimpleNamespace()
    )
    rooms = Rooms(streamer, 1_000, {}, Door(OPEN))
    rooms.fetching = fetching_over(names, network)
    return rooms


async def test_the_encoder_and_the_judge_get_the_picture(rooms: Rooms, pool: Seen) -> None:
    await rooms.review(DocList[Ad]([Ad(url=URL, text="flag"), Ad(text="tea")]))
    assert [ad.image for ad in pool.ads()] == [PICTURE, None]
    assert [case.image for case in pool.docs("judge")[0]] == [PICTURE]


@pytest.mark.parametrize("endpoint", ["/review", "/embed", "/search"])
async def test_each_endpoint_that_takes_ads_gets_the_picture(
    rooms: Rooms, pool: Seen, endpoint: str
) -> None:
    await rooms.post(endpoint, DocList[Ad]([Ad(url=URL)]), Case)
    assert [ad.image for ad in pool.ads()] == [PICTURE]


async def test_requests_of_the_jina_clients_get_it_too(rooms: Rooms, pool: Seen) -> None:
    answered, _ = rooms.handle(message(Ad(url=URL)))
    await answered
    assert [ad.image for ad in pool.ads()] == [PICTURE]


async def test_what_cannot_be_fetched_is_that_ads_problem(
    rooms: Rooms, pool: Seen, network: Recorded
) -> None:
    bad = Ad(url="https://127.0.0.1/a", text="tea")
    await rooms.review(DocList[Ad]([Ad(url=URL), bad, Ad(text="tea")]))
    codes = [ad.problem.code if ad.problem else None for ad in pool.ads()]
    assert codes == [None, Code.URL_NOT_ALLOWED, None]
    assert network.attempts == [PUBLIC]


async def test_with_fetching_off_nothing_is_fetched_and_the_ad_goes_on_as_it_came(
    rooms: Rooms, pool: Seen, names: Names
) -> None:
    rooms.fetching = None
    await rooms.review(DocList[Ad]([Ad(url=URL)]))
    (ad,) = pool.ads()
    assert (ad.image, ad.url, ad.problem, names.asked) == (None, URL, None, [])


async def test_an_ad_with_a_picture_or_a_problem_is_not_fetched_for(
    rooms: Rooms, pool: Seen, names: Names
) -> None:
    broken = Ad.parse({"url": URL, "market": "MARS"})
    broken.url = URL
    await rooms.review(DocList[Ad]([Ad(url=URL, image=b"own"), broken, Ad(url="", text="tea")]))
    assert [ad.image for ad in pool.ads()] == [b"own", None, None]
    assert names.asked == []


async def test_a_url_twice_in_a_message_is_fetched_once(
    rooms: Rooms, pool: Seen, network: Recorded
) -> None:
    await rooms.review(DocList[Ad]([Ad(url=URL), Ad(url=URL), Ad(url=f"{URL}/b")]))
    assert [ad.image for ad in pool.ads()] == [PICTURE] * 3
    assert len(network.attempts) == 2


def http_over(rooms: Rooms, **settings: Any) -> httpx.AsyncClient:
    app = create_app(Api(rooms, GatewaySettings(**settings)), 1_000_000)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_a_url_twice_in_a_post_is_fetched_once_though_it_goes_in_several_messages(
    rooms: Rooms, pool: Seen, network: Recorded
) -> None:
    ads = [{"url": URL} for _ in range(9)] + [{"url": f"{URL}/{n}"} for n in range(3)]
    async with http_over(rooms, batch_ads=2) as http:
        posted = await http.post("/v1/review", json={"ads": ads})
        assert posted.status_code == 200
        assert [ad.image for ad in pool.ads()] == [PICTURE] * 12
        assert len(network.attempts) == 4
        # The next request asks anew: the picture may be another by then.
        await http.post("/v1/review", json={"ads": ads[:2]})
        assert len(network.attempts) == 5


async def test_a_failure_too_is_fetched_once(rooms: Rooms, pool: Seen, network: Recorded) -> None:
    network.behind(PUBLIC, answer("404 Not Found", body=b""))
    async with http_over(rooms, batch_ads=1) as http:
        await http.post("/v1/review", json={"ads": [{"url": URL}] * 5})
    assert [ad.problem.code for ad in pool.ads() if ad.problem] == [Code.URL_UNREACHABLE] * 5
    assert network.attempts == [PUBLIC]


async def test_pictures_count_as_held_until_the_rooms_have_answered(
    pool: Seen, rooms: Rooms, network: Recorded
) -> None:
    assert rooms.fetching is not None
    held: list[int] = []
    answered = pool.send_requests_once

    async def noted(*args: Any, **kwargs: Any) -> Any:
        assert rooms.fetching is not None
        held.append(rooms.fetching.held)
        return await answered(*args, **kwargs)

    pool.send_requests_once = noted  # type: ignore[method-assign]
    await rooms.review(DocList[Ad]([Ad(url=URL), Ad(url=URL)]))
    assert set(held) == {2 * len(PICTURE)}
    assert rooms.fetching.held == 0


async def test_copies_of_one_picture_cannot_fill_the_memory(names: Names) -> None:
    network = Recorded({PUBLIC: [answer(body=bytes(1_000))]})
    fetching = fetching_over(names, network, max_bytes=1_000, max_held_bytes=10_000)
    request = message(*(Ad(url=URL) for _ in range(100)))
    async with fetching.pictures(request):
        assert {ad.problem.code for ad in ads_of(request) if ad.problem} == {Code.IMAGE_TOO_LARGE}
        assert not [ad for ad in ads_of(request) if ad.image]
        assert fetching.held == 0


async def test_without_room_in_memory_the_ads_are_told_to_come_again(
    names: Names, network: Recorded
) -> None:
    size = len(PICTURE)
    fetching = fetching_over(names, network, size, max_held_bytes=2 * size, wait_s=0.05)
    first, second, third = (message(Ad(url=URL), Ad(text="tea")) for _ in range(3))
    async with fetching.pictures(first), fetching.pictures(second):
        async with fetching.pictures(third):
            problems = [ad.problem for ad in ads_of(third)]
            assert [problem and problem.code for problem in problems] == [Code.OVERLOADED, None]
        assert fetching.held == 2 * size
    assert fetching.held == 0
    assert len(network.attempts) == 2


async def test_documents_of_other_endpoints_are_left_alone(rooms: Rooms, names: Names) -> None:
    request = message(Ad(url=URL), endpoint="/library/add")
    assert rooms.fetching is not None
    async with rooms.fetching.pictures(request):
        assert ads_of(request)[0].image is None
    assert names.asked == []
    assert "url" not in Exemplar.model_fields


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"hosts": ("https://cdn.example.com",)}, "HOSTS: 'https://cdn.example.com'"),
        ({"hosts": ("*",)}, "HOSTS: '*'"),
        ({"hosts": ("*.com",)}, "HOSTS: '*.com'"),
        ({"hosts": ("localhost",)}, "HOSTS: 'localhost'"),
        ({"hosts": ("10.0.0.1",)}, "HOSTS: '10.0.0.1'"),
        ({"hosts": ("a.*.com",)}, "HOSTS: 'a.*.com'"),
        ({"hosts": ("cdn.example.com",), "ports": (0,)}, "PORTS: 0"),
    ],
)
def test_a_host_that_is_none_stops_the_start_with_one_sentence(
    settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_fetching(Settings(fetch=FetchSettings(**settings)))
    assert says in str(refused.value)


def test_without_hosts_it_is_off() -> None:
    assert open_fetching(Settings(fetch=FetchSettings())) is None


def test_hosts_and_ports_are_listed_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJUDICATE_FETCH__HOSTS", "cdn.example.com, *.ADS.example.com")
    monkeypatch.setenv("ADJUDICATE_FETCH__PORTS", "443,8443")
    settings = Settings()
    assert settings.fetch.hosts == ("cdn.example.com", "*.ADS.example.com")
    assert settings.fetch.ports == (443, 8443)
    assert isinstance(open_fetching(settings), Fetching)
