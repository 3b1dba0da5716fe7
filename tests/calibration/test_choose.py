"""Which thresholds are chosen: cases worked out by hand, and what holds of every choice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudicate.calibration.choose import choose, needed
from adjudicate.calibration.scores import OFF, SIGNALS, Scores
from tests.calibration.made import NONE, off, pairs, random_scores, scores

IMAGE, TEXT, CROSS = range(3)

seeds = st.integers(0, 10_000)
recalls = st.sampled_from([0.5, 0.8, 0.9, 0.97, 1.0])


def flagged(of: Scores, thresholds: np.ndarray) -> int:
    return int((of.caught(thresholds) & of.compliant).sum())


@pytest.mark.parametrize(
    ("count", "recall", "least"), [(100, 0.97, 97), (10, 0.97, 10), (3, 2 / 3, 2), (0, 0.9, 0)]
)
def test_a_share_of_a_few_is_rounded_up(count: int, recall: float, least: int) -> None:
    assert needed(count, recall) == least


def test_one_signal_lies_half_way_between_the_last_caught_and_the_next_compliant() -> None:
    ads = scores([(0, [[0.9]]), (0, [[0.8]]), (0, [[0.6]]), (None, [[0.7]]), (None, [[0.2]])])
    # Two of three violations: 0.8 is caught, 0.7 is compliant and not flagged.
    assert choose(ads, off(), pairs(0), 2 / 3)[0, IMAGE] == pytest.approx(0.75)
    # All three: 0.7 must be flagged, and the next compliant ad is at 0.2.
    assert choose(ads, off(), pairs(0), 1.0)[0, IMAGE] == pytest.approx(0.4)


def test_recall_that_costs_nothing_is_not_given_away() -> None:
    ads = scores([(0, [[0.9]]), (0, [[0.8]]), (0, [[0.6]]), (None, [[0.2]])])
    chosen = choose(ads, off(), pairs(0), 1 / 3)
    assert ads.caught(chosen).sum() == 3


def test_the_signal_that_tells_them_apart_is_used_and_the_other_is_off() -> None:
    rows = [(0, [[0.5 + n / 100, 0.9]]) for n in range(10)]
    rows += [(None, [[0.5 + n / 100, 0.3]]) for n in range(10)]
    chosen = choose(scores(rows), off(), pairs(0), 1.0)
    assert chosen[0].tolist() == [OFF, pytest.approx(0.6), OFF]


def test_signals_share_the_work_where_neither_sees_all() -> None:
    rows = [(0, [[0.9, 0.1]])] * 5 + [(0, [[0.1, 0.9]])] * 5 + [(None, [[0.3, 0.3]])] * 5
    ads = scores(rows)
    chosen = choose(ads, off(), pairs(0), 1.0)
    assert chosen[0, :2].tolist() == pytest.approx([0.6, 0.6])
    assert flagged(ads, chosen) == 0


def test_what_another_category_catches_needs_no_threshold_of_its_own() -> None:
    # c1's violations all look like c0's; alone c1 would flag every compliant ad.
    rows = [(0, [[0.9], [NONE]])] * 6 + [(1, [[0.9], [0.4]])] * 6 + [(None, [[0.2], [0.5]])] * 6
    ads = scores(rows, categories=2)
    chosen = choose(ads, off(2), pairs(0, 1), 1.0)
    assert chosen[1].tolist() == [OFF] * 3
    assert ads.caught(chosen)[:12].all()
    assert flagged(ads, chosen) == 0


def test_a_threshold_is_raised_where_another_signal_makes_it_needless() -> None:
    # The first lowering takes eight by picture, at one false alarm; the last two then need copy,
    # which catches six of the eight as well: the picture has to catch two only.
    rows = [(0, [[0.9, 0.1]])] * 2 + [(0, [[0.55, 0.6]])] * 6 + [(0, [[0.1, 0.5]])] * 2
    rows += [(None, [[0.6, 0.1]])] + [(None, [[0.05, 0.7]])] * 3 + [(None, [[0.3, 0.3]])] * 20
    ads = scores(rows)
    chosen = choose(ads, off(), [(0, IMAGE), (0, TEXT)], 1.0)
    assert chosen[0].tolist() == [pytest.approx(0.75), pytest.approx(0.4), OFF]
    assert flagged(ads, chosen) == 3
    assert ads.caught(chosen)[:10].all()


def test_a_category_that_is_not_chosen_keeps_what_it_has() -> None:
    ads = random_scores(3)
    present = off(3)
    present[1] = 0.123, 0.456, OFF
    chosen = choose(ads, present, pairs(0, 2), 0.9)
    assert chosen[1].tolist() == present[1].tolist()


def test_a_signal_that_is_not_chosen_keeps_what_it_has_and_counts() -> None:
    rows = [(0, [[0.9, 0.9]])] * 3 + [(0, [[0.1, 0.9]])] * 3 + [(None, [[0.5, 0.2]])] * 3
    present = off()
    present[0, TEXT] = 0.8
    chosen = choose(scores(rows), present, [(0, IMAGE)], 1.0)
    assert chosen[0].tolist() == [OFF, 0.8, OFF]


def test_violations_of_no_known_category_must_be_caught_as_well() -> None:
    rows = [(0, [[0.9]])] * 4 + [(-1, [[0.5]])] * 4 + [(None, [[0.2]])] * 4
    ads = scores(rows)
    assert ads.caught(choose(ads, off(), pairs(0), 1.0))[:8].all()


def test_what_no_signal_sees_is_left_and_the_rest_is_caught() -> None:
    rows = [(0, [[0.9]])] * 4 + [(0, [[NONE]])] + [(None, [[0.2]])] * 4
    ads = scores(rows)
    assert ads.caught(choose(ads, off(), pairs(0), 1.0))[:5].tolist() == [True] * 4 + [False]


@given(seeds, recalls)
@settings(max_examples=40, deadline=None)
def test_every_category_has_the_recall_that_was_asked(seed: int, recall: float) -> None:
    ads = random_scores(seed)
    caught = ads.caught(choose(ads, off(3), pairs(0, 1, 2), recall))
    for category in range(3):
        members = ads.of(category)
        assert caught[members].sum() >= needed(int(members.sum()), recall)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_less_recall_never_flags_more_with_one_signal(seed: int) -> None:
    ads = random_scores(seed, categories=1)
    ads.similarity[:, :, 1:] = NONE
    levels = [choose(ads, off(), pairs(0), recall)[0, IMAGE] for recall in (0.5, 0.7, 0.9, 0.97)]
    assert levels == sorted(levels, reverse=True)


@given(seeds, recalls)
@settings(max_examples=20, deadline=None)
def test_more_signals_flag_no_more_than_the_best_of_them_would_by_much(
    seed: int, recall: float
) -> None:
    """The greedy choice is not proved optimal; it must at least not lose to a single signal."""
    ads = random_scores(seed, categories=1)
    ads.similarity[np.isneginf(ads.similarity)] = 0.01
    alone = []
    for signal in range(len(SIGNALS)):
        one = Scores(ads.similarity.copy(), ads.violating, ads.own, ads.categories, ads.always)
        one.similarity[:, :, [s for s in range(len(SIGNALS)) if s != signal]] = NONE
        alone.append(flagged(one, choose(one, off(), pairs(0), recall)))
    together = flagged(ads, choose(ads, off(), pairs(0), recall))
    assert together <= min(alone) + 0.02 * len(ads)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_ads_changes_nothing(seed: int) -> None:
    ads = random_scores(seed)
    shuffled = ads.taken(np.random.default_rng(seed).permutation(len(ads)))
    there, here = (choose(one, off(3), pairs(0, 1, 2), 0.9) for one in (ads, shuffled))
    assert there.tolist() == here.tolist()


@given(seeds, recalls)
@settings(max_examples=20, deadline=None)
def test_a_threshold_is_a_cosine_or_off(seed: int, recall: float) -> None:
    chosen = choose(random_scores(seed), off(3), pairs(0, 1, 2), recall)
    assert np.all((chosen == OFF) | ((chosen > 0) & (chosen <= 1)))
