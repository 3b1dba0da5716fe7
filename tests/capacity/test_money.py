"""The bill: quantities at the reader's prices, and what has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from adjudicate.capacity.money import Prices, bill, prices_of
from adjudicate.capacity.plan import HOURS, plan
from tests.capacity.made import figures


def test_what_is_paid_by_the_hour_is_paid_for_the_month() -> None:
    made = plan(1_000, figures())
    paid = bill(made, Prices(cpu_node_hour=0.5, judge_gpu_node_hour=2, cross_zone_gb=0.01))
    lines = {line.what: line.month for line in paid.lines}
    assert lines["cpu_node_hour"] == pytest.approx(made.nodes["cpu"].count * 0.5 * HOURS)
    assert lines["judge_gpu_node_hour"] == pytest.approx(21 * 2 * HOURS)
    assert lines["cross_zone_gb"] == pytest.approx(made.network.cross_zone_gb_month * 0.01)
    assert paid.month == pytest.approx(sum(month for month in lines.values() if month))
    assert paid.per_million_ads == pytest.approx(paid.month / made.ads_month * 1e6)


def test_what_has_no_price_is_named_and_counts_nothing() -> None:
    paid = bill(plan(1_000, figures()), Prices(cpu_node_hour=0))
    assert paid.month == 0
    assert "cpu_node_hour" not in paid.not_priced
    assert {"encoder_gpu_node_hour", "database_vcpu_hour", "redis_gib_hour"} <= {*paid.not_priced}
    assert all((line.month is None) == (line.price is None) for line in paid.lines)


def test_pools_that_are_not_there_are_not_billed() -> None:
    made = plan(10, figures(encoder__gpu_ms=0, judge__gpu_ms=0))
    whats = {line.what for line in bill(made, Prices()).lines}
    assert "cpu_node_hour" in whats
    assert not {"encoder_gpu_node_hour", "judge_gpu_node_hour"} & whats


def test_each_service_has_a_load_balancer() -> None:
    made = plan(1_000, figures(database__most_vcpu=0.4))
    line = next(one for one in bill(made, Prices()).lines if one.what == "load_balancer_hour")
    assert line.quantity == made.cells == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cpu_node: 1\n", "cpu_node: .*known: currency"),
        ("cpu_node_hour: -1\n", "cpu_node_hour: "),
        ("a: [\n", "is not YAML"),
        ("- 1\n", "known: currency"),
    ],
)
def test_prices_that_cannot_be_read_are_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "prices.yml"
    file.write_text(text)
    with pytest.raises(ValueError, match=said) as told:
        prices_of(file)
    assert "\n" not in str(told.value)
