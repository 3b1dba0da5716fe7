"""Where each part ends: at that load the plan has one of it fully busy."""

from __future__ import annotations

import pytest

from adjudicate.capacity.limits import limits
from adjudicate.capacity.plan import plan
from tests.capacity.made import figures


def ends(**changes: float) -> dict[str, float]:
    return {limit.part: limit.ads_per_s for limit in limits(figures(**changes))}


def test_a_room_ends_where_its_cores_are_busy() -> None:
    found = ends(library__exemplars=0)
    assert found["one gateway"] == pytest.approx(1_000)
    assert found["one ledger"] == pytest.approx(500)
    assert ends(ledger__cores=2)["one ledger"] == pytest.approx(1_000)


def test_cards_end_by_their_model_and_their_nodes_by_pictures() -> None:
    found = ends()
    assert found["one card of the encoder"] == pytest.approx(200)
    assert found["CPU of one encoder node"] == pytest.approx(8 * 250)
    # One of ten ads is judged: 100 ms of each.
    assert found["one card of the judge"] == pytest.approx(100)


def test_a_room_without_cards_ends_by_its_cpu() -> None:
    found = ends(encoder__gpu_ms=0, encoder__model_cpu_ms=6)
    assert "one card of the encoder" not in found
    assert found["one encoder"] == pytest.approx(4 * 100)


@pytest.mark.parametrize(
    ("part", "limit", "value"),
    [
        ("PostgreSQL: vCPUs", "database__most_vcpu", 2),
        ("PostgreSQL: storage", "database__most_gb", 100),
    ],
)
def test_above_a_database_s_end_the_plan_has_a_second_service(
    part: str, limit: str, value: float
) -> None:
    given = figures(**{limit: value}, library__exemplars=0)
    found = {one.part: one.ads_per_s for one in limits(given)}
    assert plan(found[part] * 0.999, given).cells == 1
    assert plan(found[part] * 1.001, given).cells == 2


def test_connections_end_where_the_replicas_have_them_all() -> None:
    given = figures(database__most_connections=5_000, library__exemplars=0)
    end = {one.part: one.ads_per_s for one in limits(given)}["PostgreSQL: connections"]
    assert plan(end, given).database.connections == pytest.approx(5_000, rel=0.01)


def test_the_first_to_end_is_the_first_on_the_list_and_what_is_free_is_not_on_it() -> None:
    found = limits(figures(database__cpu_ms=0))
    assert [one.ads_per_s for one in found] == sorted(one.ads_per_s for one in found)
    assert "PostgreSQL: vCPUs" not in {one.part for one in found}
