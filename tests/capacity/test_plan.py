"""The formulas of docs/capacity.md, on numbers that can be worked out in the head."""

from __future__ import annotations

from itertools import pairwise

import pytest

from adjudicate.capacity.figures import shipped
from adjudicate.capacity.plan import DAY_S, HOURS, plan
from adjudicate.capacity.rooms import GIB, judged_share
from tests.capacity.made import figures


def test_cores_are_the_work_of_a_second_and_the_share_that_is_kept_free() -> None:
    rooms = plan(1_000, figures()).rooms
    assert rooms["gateway"].cores == pytest.approx(1_000 * 0.001 / 0.5)
    assert rooms["ledger"].cores == pytest.approx(4)
    assert rooms["encoder"].cores == pytest.approx(8)  # without and with the picture: 1 + 3 ms


def test_a_replica_is_added_when_the_cores_of_those_before_do_not_suffice() -> None:
    assert plan(1_000, figures()).rooms["ledger"].replicas == 4
    assert plan(1_001, figures()).rooms["ledger"].replicas == 5
    assert plan(1_000, figures(ledger__cores=2)).rooms["ledger"].replicas == 2


def test_a_room_has_no_fewer_replicas_than_it_takes_for_one_to_go() -> None:
    assert plan(1, figures()).rooms["gateway"].replicas == 2
    assert plan(1, figures(gateway__least=1)).rooms["gateway"].replicas == 1


def test_the_judge_works_for_flagged_and_audited_ads_that_no_cache_knows() -> None:
    given = figures(workload__flagged_share=0.1, workload__audit_share=0.5)
    assert judged_share(given) == pytest.approx(0.1 + 0.9 * 0.5)
    cached = figures(workload__flagged_share=0.1, workload__cached_share=0.5)
    assert judged_share(cached) == pytest.approx(0.05)
    # 100 of 1,000 ads, 10 CPU ms each, half of a core's time.
    assert plan(1_000, figures()).rooms["judge"].cores == pytest.approx(2)


def test_a_search_costs_by_the_number_and_the_width_of_the_vectors() -> None:
    narrow = plan(100, figures()).rooms["library"].cores
    assert narrow == pytest.approx(100 * (1 + 4) / 1_000 / 0.5)
    wide = plan(100, figures(library__dimension=1_024)).rooms["library"].cores
    assert wide == pytest.approx(100 * (1 + 8) / 1_000 / 0.5)
    ten = plan(100, figures(library__exemplars=10_000_000)).rooms["library"].cores
    assert ten == pytest.approx(100 * (1 + 40) / 1_000 / 0.5)


def test_each_replica_of_the_library_holds_all_vectors() -> None:
    library = plan(100, figures()).rooms["library"]
    assert library.memory_gib == pytest.approx(library.replicas * (1 + 1e6 * 512 * 6 / GIB))


def test_a_room_on_gpus_has_a_node_for_each_card_that_is_busy_and_one_spare() -> None:
    made = plan(1_000, figures())
    # 5 ms of 1,000 ads are 5 cards, 10 at half of their time.
    assert (made.nodes["encoder_gpu"].count, made.nodes["encoder_gpu"].bound) == (11, "GPU")
    assert (made.rooms["encoder"].gpus, made.rooms["encoder"].replicas) == (11, 11)
    # 100 ads of 100 ms are 10 cards.
    assert made.nodes["judge_gpu"].count == 21


def test_pictures_may_need_more_cpu_than_there_is_beside_the_cards() -> None:
    made = plan(1_000, figures(encoder__picture_ms=79, encoder_node__spare=0))
    # 160 cores, 8 beside each card.
    assert (made.nodes["encoder_gpu"].count, made.nodes["encoder_gpu"].bound) == (20, "CPU")


def test_several_cards_in_a_node_are_all_used() -> None:
    made = plan(1_000, figures(encoder_node__gpus=4, encoder_node__spare=0))
    assert (made.nodes["encoder_gpu"].count, made.rooms["encoder"].gpus) == (3, 12)


def test_without_gpu_time_a_room_stands_on_the_nodes_without_gpus() -> None:
    changes = {"encoder__gpu_ms": 0, "encoder__model_cpu_ms": 12, "judge__gpu_ms": 0}
    made = plan(1_000, figures(**changes))
    assert set(made.nodes) == {"cpu"}
    assert made.rooms["encoder"].cores == pytest.approx(32)
    assert (made.rooms["encoder"].replicas, made.rooms["encoder"].gpus) == (8, 0)


def test_nodes_are_as_many_as_cpu_or_memory_needs_whichever_is_more() -> None:
    small = {"judge__gpu_ms": 0, "encoder__gpu_ms": 0, "library__exemplars": 0}
    made = plan(1_000, figures(**small))
    cores = sum(room.cores for room in made.rooms.values())
    assert cores == pytest.approx(2 + 8 + 2 + 2 + 4)
    assert (made.nodes["cpu"].count, made.nodes["cpu"].bound) == (3 + 1, "CPU")
    large = plan(1_000, figures(**small, library__memory_gib=64))
    assert large.nodes["cpu"].bound == "memory"
    assert large.nodes["cpu"].count > made.nodes["cpu"].count


def test_what_is_kept_goes_by_the_mean_load_and_the_days() -> None:
    made = plan(1_000, figures(plan__mean_share=0.5, plan__retention_days=10))
    kept = 500 * DAY_S * 10 * (0.9 * 1_000 + 0.1 * 2_000) / 1e9
    assert made.database.stored_gb == pytest.approx(kept + 1e6 * 100_000 / 1e9)
    assert made.redis_gib == pytest.approx(500 * 0.1 * DAY_S * 1_024 / GIB)
    assert made.ads_month == pytest.approx(500 * HOURS * 3_600)


@pytest.mark.parametrize(
    ("limit", "value", "cells", "bound"),
    [
        ("database__most_vcpu", 0.4, 3, "vCPUs"),
        ("database__most_gb", 40, 3, "storage"),
        ("database__most_connections", 70, 2, "connections"),
    ],
)
def test_a_database_that_one_limit_is_too_small_for_makes_another_service(
    limit: str, value: float, cells: int, bound: str
) -> None:
    one = plan(1_000, figures(library__exemplars=0))
    assert (one.cells, one.cells_bound, one.database.vcpu) == (1, "", pytest.approx(1))
    assert one.database.stored_gb == pytest.approx(95.04)
    assert one.database.connections == 80
    made = plan(1_000, figures(library__exemplars=0, **{limit: value}))
    assert (made.cells, made.cells_bound) == (cells, bound)
    assert made.database.vcpu == pytest.approx(1)
    assert made.rooms["gateway"].cores == pytest.approx(2)
    assert made.nodes["cpu"].count == cells * plan(1_000 / cells, figures()).nodes["cpu"].count


def test_each_service_keeps_all_exemplars() -> None:
    made = plan(1_000, figures(database__most_vcpu=0.4, workload__picture_bytes=1_000))
    one = plan(1_000, figures(workload__picture_bytes=1_000))
    assert made.cells == 3
    assert made.database.stored_gb == pytest.approx(one.database.stored_gb + 2 * 1)


def test_connections_are_those_of_all_pools() -> None:
    made = plan(1_000, figures())
    replicas = sum(made.rooms[name].replicas for name in ("gateway", "library", "ledger"))
    assert made.database.connections == replicas * 10


def test_a_picture_travels_to_the_encoder_and_a_judged_one_three_times_more() -> None:
    network = plan(1_000, figures()).network
    month = 1_000 * HOURS * 3_600 / 1e9
    assert network.in_gbit_s == pytest.approx(1_000 * 100_000 * 8 / 1e9)
    assert network.inner_gb_month == pytest.approx(month * (100_000 * 1.3 + 20_000))
    assert network.cross_zone_gb_month == pytest.approx(network.inner_gb_month / 2)
    assert network.out_gb_month == pytest.approx(month * 1_000)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), 1e8])
def test_a_load_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="ads a second"):
        plan(rate, figures())


def test_limits_that_fit_nothing_are_refused_instead_of_counted_for_ever() -> None:
    with pytest.raises(ValueError, match="one database's connections do not suffice"):
        plan(1_000, figures(database__most_connections=10))


def test_more_ads_never_need_less() -> None:
    known = shipped()
    rates = [10**power for power in range(6)]
    plans = [plan(rate, known) for rate in rates]
    for less, more in pairwise(plans):
        assert all(more.nodes[pool].count >= less.nodes[pool].count for pool in less.nodes)
        assert more.database.vcpu > less.database.vcpu
