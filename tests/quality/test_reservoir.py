"""What is drawn: alike from all of a minute, and never more than so many."""

import random
from collections import Counter

from executors.library.quality.reservoir import MINUTES_KEPT, Reservoir


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def filled(reservoir: Reservoir[int], things: range) -> None:
    for thing in things:
        reservoir.offer(lambda thing=thing: thing)  # type: ignore[misc]


def test_all_are_drawn_while_there_is_room() -> None:
    reservoir: Reservoir[int] = Reservoir(5, Clock())
    filled(reservoir, range(5))
    assert reservoir.take() == [0, 1, 2, 3, 4]
    assert reservoir.take() == []


def test_of_a_burst_each_has_the_same_chance() -> None:
    rng = random.Random(3)
    drawn: Counter[int] = Counter()
    for _ in range(4_000):
        reservoir: Reservoir[int] = Reservoir(10, Clock(), rng)
        filled(reservoir, range(40))
        drawn.update(reservoir.take())
    assert drawn.total() == 40_000
    assert min(drawn.values()) > 900
    assert max(drawn.values()) < 1_100


def test_a_thing_that_is_not_drawn_is_not_made() -> None:
    made: list[int] = []
    reservoir: Reservoir[None] = Reservoir(10, Clock(), random.Random(4))
    for thing in range(10_000):
        reservoir.offer(lambda thing=thing: made.append(thing))  # type: ignore[misc]
    assert len(made) < 200, "about 10 · ln(1,000) + 10"


def test_what_was_taken_is_part_of_the_minutes_share() -> None:
    clock = Clock()
    reservoir: Reservoir[int] = Reservoir(5, clock)
    filled(reservoir, range(3))
    assert len(reservoir.take()) == 3
    filled(reservoir, range(100))
    assert len(reservoir.take()) == 2
    filled(reservoir, range(100))
    assert reservoir.take() == []
    clock.seconds = 60.0
    filled(reservoir, range(100))
    assert len(reservoir.take()) == 5


def test_what_nobody_takes_is_bounded() -> None:
    clock = Clock()
    reservoir: Reservoir[int] = Reservoir(5, clock)
    for minute in range(100):
        clock.seconds = 60.0 * minute
        filled(reservoir, range(1_000))
    assert len(reservoir.take()) == 5 * MINUTES_KEPT


def test_zero_draws_nothing() -> None:
    reservoir: Reservoir[int] = Reservoir(0, Clock())
    filled(reservoir, range(10))
    assert reservoir.take() == []
