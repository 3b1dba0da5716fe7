"""Ads that are alike stay on one side."""

import numpy as np

from executors.judge.calibration.split import held_out, joined


def test_ads_are_joined_through_any_mark_that_they_share() -> None:
    names = joined(
        [
            ("group a", "picture 1"),
            ("group b", "picture 1", "copy x"),
            ("group c", "copy x"),
            ("group d", "picture 2"),
        ]
    )
    assert names[0] == names[1] == names[2]
    assert names[3] != names[0]


def test_no_group_stands_on_both_sides_and_each_class_is_dealt_by_share() -> None:
    groups = [f"g{n // 5}" for n in range(1_000)]
    truth = np.array([(n // 5) % 4 == 0 for n in range(1_000)])
    out = held_out(groups, truth, 0.4, seed=3)
    assert not {g for g, kept in zip(groups, out, strict=True) if kept} & {
        g for g, kept in zip(groups, out, strict=True) if not kept
    }
    assert abs(out[truth].mean() - 0.4) < 0.03
    assert abs(out[~truth].mean() - 0.4) < 0.03


def test_another_seed_holds_out_others_and_the_same_one_the_same() -> None:
    groups, truth = [str(n) for n in range(200)], np.arange(200) % 2 == 0
    one, same, other = (held_out(groups, truth, 0.5, seed) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_one_group_of_everything_leaves_a_side_empty() -> None:
    truth = np.arange(50) % 2 == 0
    out = held_out(["all"] * 50, truth, 0.5, seed=0)
    assert out.all() or not out.any()
