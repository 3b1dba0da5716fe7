"""A plan's quantities at the reader's own prices. None is shipped: what has no price is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adjudicate.capacity.plan import HOURS, Plan


class Prices(BaseModel):
    """Per unit; None: not known. A month's stay, a gigabyte that crosses zones, and so on."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    currency: str = "USD"
    source: str = ""
    cpu_node_hour: float | None = Field(None, ge=0)
    encoder_gpu_node_hour: float | None = Field(None, ge=0)
    judge_gpu_node_hour: float | None = Field(None, ge=0)
    database_vcpu_hour: float | None = Field(None, ge=0)
    database_gb_month: float | None = Field(None, ge=0)
    redis_gib_hour: float | None = Field(None, ge=0)
    cross_zone_gb: float | None = Field(None, ge=0)
    load_balancer_hour: float | None = Field(None, ge=0)
    control_plane_hour: float | None = Field(None, ge=0)


@dataclass(frozen=True)
class Line:
    """One position of the bill. `price` and `month` are None where the reader gave no price."""

    what: str
    quantity: float
    unit: str
    price: float | None
    month: float | None


@dataclass(frozen=True)
class Bill:
    """A month of a plan."""

    currency: str
    lines: tuple[Line, ...]
    month: float
    """Of what has a price."""
    per_million_ads: float
    not_priced: tuple[str, ...]


def prices_of(path: Path) -> Prices:
    """Raises `ValueError` in one sentence, and `OSError`."""
    try:
        return Prices.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except yaml.YAMLError as error:
        said = str(error).replace("\n", " ")
        raise ValueError(f"{path} is not YAML: {said}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        known = ", ".join(Prices.model_fields)
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ValueError(f"{path}: {where}: {first['msg']}; known: {known}.") from None


def bill(plan: Plan, prices: Prices) -> Bill:
    """What a month of the plan costs."""
    lines = tuple(_line(*one, prices) for one in _quantities(plan))
    month = sum(line.month or 0.0 for line in lines)
    return Bill(
        currency=prices.currency,
        lines=lines,
        month=month,
        per_million_ads=month / plan.ads_month * 1e6,
        not_priced=tuple(line.what for line in lines if line.price is None),
    )


def _quantities(plan: Plan) -> Iterator[tuple[str, float, str]]:
    for pool, nodes in plan.nodes.items():
        yield f"{pool}_node_hour", nodes.count, "node"
    yield "database_vcpu_hour", plan.database.vcpu, "vCPU"
    yield "database_gb_month", plan.database.stored_gb, "GB"
    yield "redis_gib_hour", plan.redis_gib, "GiB"
    yield "cross_zone_gb", plan.network.cross_zone_gb_month, "GB"
    yield "load_balancer_hour", plan.cells, "load balancer"
    yield "control_plane_hour", 1, "cluster"


def _line(what: str, quantity: float, unit: str, prices: Prices) -> Line:
    price = getattr(prices, what)
    times = HOURS if what.endswith("_hour") else 1
    month = None if price is None else price * quantity * times
    return Line(what, quantity, unit, price, month)
