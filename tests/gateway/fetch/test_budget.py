"""The memory that fetched pictures may take."""

from __future__ import annotations

import asyncio

import pytest

from adjudicate.errors import AdError, Code, ServiceError
from executors.gateway.fetch.budget import Budget


async def test_a_message_takes_what_it_may_need_and_gives_back_what_it_did_not() -> None:
    budget = Budget(1_000, 5)
    async with budget.account(3, 100) as account:
        assert budget.held == 300
        account.take(40)
        account.settle(1)
        assert budget.held == 240
        account.settle(1)
        account.settle(1)
        assert budget.held == 40
    assert budget.held == 0


async def test_one_message_gets_half_at_most_and_its_pictures_no_more() -> None:
    budget = Budget(1_000, 5)
    async with budget.account(100, 100) as account:
        assert budget.held == 500
        account.take(500)
        with pytest.raises(AdError) as refused:
            account.take(1)
        assert refused.value.code is Code.IMAGE_TOO_LARGE
        account.give(100)
        account.take(100)
    assert budget.held == 0


async def test_what_finds_no_room_waits_its_turn() -> None:
    budget = Budget(1_000, 5)
    order: list[str] = []

    async def message(name: str, bytes_: int) -> None:
        async with budget.account(1, bytes_):
            assert budget.held <= 1_000
            order.append(name)
            await asyncio.sleep(0)

    async with budget.account(1, 500), budget.account(1, 500):
        tasks = []
        for name, bytes_ in (("large", 500), ("small", 1), ("larger", 500)):
            tasks.append(asyncio.ensure_future(message(name, bytes_)))
            await asyncio.sleep(0)
        assert order == []
    await asyncio.gather(*tasks)
    assert order == ["large", "small", "larger"]
    assert budget.held == 0


async def test_one_that_waits_too_long_is_told_so_and_holds_up_nobody() -> None:
    budget = Budget(1_000, 0.05)
    async with budget.account(1, 500), budget.account(1, 400):
        with pytest.raises(ServiceError) as refused:
            async with budget.account(1, 500):
                pass
        assert refused.value.code is Code.OVERLOADED
        async with budget.account(1, 100):
            assert budget.held == 1_000
    assert budget.held == 0


async def test_one_that_is_cancelled_while_it_waits_lets_the_next_go() -> None:
    budget = Budget(1_000, 5)

    async def message(bytes_: int) -> None:
        async with budget.account(1, bytes_):
            pass

    async with budget.account(1, 500), budget.account(1, 400):
        first = asyncio.ensure_future(message(500))
        second = asyncio.ensure_future(message(50))
        await asyncio.sleep(0)
        first.cancel()
        await second
    assert budget.held == 0
