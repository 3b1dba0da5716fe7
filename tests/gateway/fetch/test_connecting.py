"""From a name to a connection."""

from __future__ import annotations

import asyncio
from typing import Any

import httpcore
import pytest

from executors.gateway.fetch.addresses import is_public
from executors.gateway.fetch.connecting import AddressRefused, CheckedBackend, SystemResolver
from tests.gateway.fetch.network import HOST, PUBLIC, Names, Recorded, answer

OTHERS = [f"93.184.216.{last}" for last in range(40, 50)]


def backend(names: Any, network: Recorded) -> CheckedBackend:
    return CheckedBackend(names, is_public, network)


async def test_the_systems_resolver_knows_this_machine_and_no_invalid_name() -> None:
    resolver = SystemResolver(1)
    found = await resolver.resolve("localhost", 443)
    assert found
    assert not any(map(is_public, found))
    with pytest.raises(OSError, match=r".+"):
        await resolver.resolve("nowhere.invalid", 443)


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    names, network = Names(), Recorded({PUBLIC: [answer()]})
    names.say(HOST, [OTHERS[0], PUBLIC])
    await backend(names, network).connect_tcp(HOST, 443, 1)
    assert network.attempts == [OTHERS[0], PUBLIC]


async def test_an_address_that_says_nothing_leaves_time_for_the_next() -> None:
    class Silent(Recorded):
        async def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
            if host == PUBLIC:
                return await super().connect_tcp(host, port)
            self.attempts.append(host)
            try:
                async with asyncio.timeout(args[0]):
                    await asyncio.sleep(60)
            except TimeoutError:
                raise httpcore.ConnectTimeout from None

    names, network = Names(), Silent({PUBLIC: [answer()]})
    names.say(HOST, [OTHERS[0], PUBLIC])
    await backend(names, network).connect_tcp(HOST, 443, 0.4)
    assert network.attempts == [OTHERS[0], PUBLIC]


async def test_a_name_of_many_addresses_is_not_tried_for_ever() -> None:
    names, network = Names(), Recorded()
    names.say(HOST, OTHERS)
    with pytest.raises(httpcore.ConnectError):
        await backend(names, network).connect_tcp(HOST, 443, 1)
    assert network.attempts == OTHERS[:4]


async def test_one_refused_address_far_back_in_the_list_refuses_the_name() -> None:
    names, network = Names(), Recorded({PUBLIC: [answer()]})
    names.say(HOST, [PUBLIC, *OTHERS, "10.0.0.1"])
    with pytest.raises(AddressRefused):
        await backend(names, network).connect_tcp(HOST, 443, 1)
    assert network.attempts == []


async def test_a_slow_name_server_ends_by_the_time_out() -> None:
    class Slow:
        async def resolve(self, host: str, port: int) -> list[str]:
            await asyncio.sleep(60)
            return [PUBLIC]

    network = Recorded({PUBLIC: [answer()]})
    with pytest.raises(httpcore.ConnectTimeout):
        await backend(Slow(), network).connect_tcp(HOST, 443, 0.05)
    assert network.attempts == []


async def test_no_url_leads_to_a_socket_of_this_machine() -> None:
    with pytest.raises(AddressRefused):
        await backend(Names(), Recorded()).connect_unix_socket("/run/docker.sock")
