"""Who may take whose opinion: a violation, or that on a picture in which nothing differs."""

import asyncio
from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw

from executors.judge.backend import Opinion
from executors.judge.cache.near import Look
from executors.judge.cache.twins import NOTE, Seen, Twins, folded

SURE = 0.65
VIOLATION, COMPLIANT, DOUBTFUL = (Opinion(p, 0.0, None) for p in (0.9, 0.1, 0.5))


class Judged:
    """Opinions that come when the test says so, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[Opinion]] = []

    async def __call__(self) -> Opinion:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]


async def in_thread(work: Callable[[], bool]) -> bool:
    return await asyncio.to_thread(work)


async def reached(condition: Callable[[], bool]) -> None:
    for _ in range(200):
        if condition():
            break
        await asyncio.sleep(0.005)
    assert condition()
    await asyncio.sleep(0.05)


def twins() -> Twins:
    return Twins(SURE, in_thread)


def picture(levels: int = 0) -> Look:
    """A gradient; `levels` is how much a corner of it differs."""
    image = Image.linear_gradient("L").resize((200, 150)).convert("RGB")
    ImageDraw.Draw(image).rectangle((10, 10, 40, 40), fill=(40 + levels,) * 3)
    return Look.of(image, 1_000_000)


def seen(copy: str = "copy", look: Look | None = None, group: str = "") -> Seen:
    return Seen((group, folded(copy)), copy, look)


async def _with_a_twin(leader: Seen, follower: Seen, opinion: Opinion) -> tuple[Opinion, int]:
    """The follower's opinion, and how often the judge was asked, when the leader gets `opinion`."""
    both, judged = twins(), Judged()
    first = asyncio.ensure_future(both.judge(leader, judged))
    await reached(lambda: len(judged.asked) == 1)
    second = asyncio.ensure_future(both.judge(follower, judged))
    await asyncio.sleep(0.1)
    alone = len(judged.asked) == 2
    judged.asked[0].set_result(opinion)
    assert await first == opinion
    if not alone:
        await asyncio.sleep(0.1)
    if len(judged.asked) == 2:
        judged.asked[1].set_result(Opinion(0.42, 0.0, None))
    return await second, len(judged.asked)


@pytest.mark.parametrize("opinion", [VIOLATION, COMPLIANT, DOUBTFUL])
async def test_a_picture_in_which_nothing_differs_takes_any_opinion(opinion: Opinion) -> None:
    taken, asked = await _with_a_twin(seen(look=picture()), seen(look=picture(2)), opinion)
    assert (taken.violation, taken.notes, asked) == (opinion.violation, (NOTE,), 1)


async def test_a_picture_that_is_alike_takes_a_violation() -> None:
    taken, asked = await _with_a_twin(seen(look=picture()), seen(look=picture(12)), VIOLATION)
    assert (taken.violation, taken.notes, asked) == (0.9, (NOTE,), 1)


@pytest.mark.parametrize("opinion", [COMPLIANT, DOUBTFUL])
async def test_a_picture_that_is_alike_is_judged_itself_where_the_twin_is_compliant(
    opinion: Opinion,
) -> None:
    taken, asked = await _with_a_twin(seen(look=picture()), seen(look=picture(12)), opinion)
    assert (taken.violation, taken.notes, asked) == (0.42, (), 2)


async def test_a_picture_that_differs_does_not_wait() -> None:
    taken, asked = await _with_a_twin(seen(look=picture()), seen(look=picture(90)), VIOLATION)
    assert (taken.violation, asked) == (0.42, 2)


async def test_copy_that_differs_in_case_and_spacing_takes_a_violation_only() -> None:
    one, other = seen("Cures diabetes"), seen("CURES  Diabetes")
    assert (await _with_a_twin(one, other, VIOLATION))[1] == 1
    assert (await _with_a_twin(one, other, COMPLIANT))[1] == 2


@pytest.mark.parametrize(
    "other", [seen("Cure diabetes"), seen("copy", group="US"), seen("copy", picture())]
)
async def test_other_copy_another_group_or_a_picture_more_takes_nothing(other: Seen) -> None:
    assert (await _with_a_twin(seen("copy"), other, VIOLATION))[1] == 2


async def test_a_leaders_failure_is_its_own_and_the_next_leads() -> None:
    both, judged = twins(), Judged()
    asked = [asyncio.ensure_future(both.judge(seen(look=picture(n)), judged)) for n in range(3)]
    await reached(lambda: len(judged.asked) == 1)
    judged.asked[0].set_exception(RuntimeError("mine"))
    with pytest.raises(RuntimeError, match="mine"):
        await asked[0]
    await reached(lambda: len(judged.asked) == 2)
    judged.asked[1].set_result(COMPLIANT)
    assert [opinion.violation for opinion in await asyncio.gather(*asked[1:])] == [0.1, 0.1]
    assert both.joined == 1


async def test_a_cancelled_leader_cancels_nobody() -> None:
    both, judged = twins(), Judged()
    first, second = (
        asyncio.ensure_future(both.judge(seen(look=picture(n)), judged)) for n in range(2)
    )
    await reached(lambda: len(judged.asked) == 1)
    first.cancel()
    await reached(lambda: len(judged.asked) == 2)
    judged.asked[1].set_result(VIOLATION)
    assert (await second).violation == 0.9


async def test_a_follower_that_gives_up_takes_nobody_with_it() -> None:
    both, judged = twins(), Judged()
    leader = asyncio.ensure_future(both.judge(seen(look=picture()), judged))
    await reached(lambda: len(judged.asked) == 1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await both.judge(seen(look=picture(2)), judged)
    patient = asyncio.ensure_future(both.judge(seen(look=picture(2)), judged))
    await asyncio.sleep(0.1)
    judged.asked[0].set_result(COMPLIANT)
    assert (await leader, (await patient).violation) == (COMPLIANT, 0.1)
    assert len(judged.asked) == 1


async def test_many_alike_and_compliant_wait_for_one_and_then_for_nobody() -> None:
    both, judged = twins(), Judged()
    looks = [picture(12 * (number % 2)) for number in range(2)] + [picture(6)] * 4
    asked = [asyncio.ensure_future(both.judge(seen(look=look), judged)) for look in looks]
    await reached(lambda: len(judged.asked) == 1)
    judged.asked[0].set_result(COMPLIANT)
    await reached(lambda: len(judged.asked) == len(asked))
    for pending in judged.asked[1:]:
        pending.set_result(COMPLIANT)
    assert len(await asyncio.gather(*asked)) == len(asked)
