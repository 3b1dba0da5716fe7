"""What is sent, and what is counted."""

from __future__ import annotations

import pytest

from adjudicate import Ad, AsyncClient
from adjudicate.errors import Code, ServiceError
from adjudicate.profiling.ads import made_ads
from adjudicate.profiling.collect import WARM_REQUESTS, collect
from tests.client.fake import FakeServers, FakeService


async def test_ads_are_sent_in_requests_of_the_size_and_so_many_at_a_time(
    url: str, service: FakeService
) -> None:
    ads = [Ad(id=str(n), text=f"slow:0.02 tea {n}") for n in range(3)]
    heard: list[int] = []
    async with AsyncClient(url, request_size=4) as client:
        profile = await collect(client, ads, 14, request_size=4, concurrency=2, moved=heard.append)
    warm = 2 * WARM_REQUESTS
    sizes = [len(request) for request in service.requests]
    assert sizes[:warm] == [4] * warm
    assert sorted(sizes[warm:]) == [2, 4, 4, 4]
    assert service.most_in_flight == 2
    assert len(profile.splits) == heard[-1] == 14
    assert profile.outcomes == {"approve": 14}
    assert profile.rate > 0


async def test_the_clients_clock_is_the_total_and_the_rooms_say_their_share(
    url: str, service: FakeService
) -> None:
    async with AsyncClient(url) as client:
        ads = [Ad(text="slow:0.05 tea")]
        profile = await collect(client, ads, 2, request_size=1, concurrency=1)
    for split in profile.splits:
        assert split.total >= 50.0
        assert (split.stage("encoder"), split.stage("library")) == (1.5, 0.5)
        assert split.parts["network"] == pytest.approx(split.total - 2.0)


async def test_a_service_that_fails_ends_it(servers: FakeServers, service: FakeService) -> None:
    service.faults = [ServiceError(Code.INTERNAL, "broken")]
    async with AsyncClient(servers.urls["grpc"], retries=0) as client:
        with pytest.raises(ServiceError, match="broken"):
            await collect(client, [Ad(text="tea")], 4, request_size=1, concurrency=2)


async def test_nothing_to_send_is_said() -> None:
    async with AsyncClient() as client:
        with pytest.raises(ValueError, match="no ads"):
            await collect(client, [], 4, request_size=1, concurrency=1)


def test_made_ads_are_pictures_of_a_photos_size_and_all_different() -> None:
    ads = made_ads(4)
    assert len({ad.image for ad in ads}) == 4
    assert all(60_000 < len(ad.image or b"") < 200_000 for ad in ads)
