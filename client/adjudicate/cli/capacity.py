"""`adjudicate capacity`: what a load needs, before it is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import one_sentence

if TYPE_CHECKING:
    from adjudicate.capacity.figures import Figures
    from adjudicate.capacity.money import Bill
    from adjudicate.capacity.plan import Plan

RATES = (10.0, 1_000.0, 50_000.0)
"""Where none is asked for."""

EXAMPLES = options.examples(
    "adjudicate capacity --ads-per-s 1000 --set encoder.gpu_ms=2.1",
    "adjudicate capacity --costs out/bench/costs.yml --prices prices.yml --json",
    "adjudicate capacity --limits",
    then="The formulas, where they end, and the file of prices: docs/capacity.md. "
    "No service is asked.",
)


def capacity(
    ads_per_s: Annotated[
        list[float] | None,
        typer.Option(help="The peak to plan for; repeatable. By default 10, 1,000 and 50,000."),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A figure of your own; repeatable. See --figures."
        ),
    ] = None,
    costs: Annotated[
        Path | None,
        typer.Option(
            help="YAML with figures of your own, such as the out/bench/costs.yml that "
            "`make bench NAME=scale` writes on your machine."
        ),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="YAML with your prices; a month's bill then follows.")
    ] = None,
    figures: Annotated[
        bool,
        typer.Option("--figures", help="Print every figure, how it is known and its source."),
    ] = False,
    limits: Annotated[
        bool, typer.Option("--limits", help="Print at which load each part ends.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Replicas, nodes, bytes and money for a load, from figures measured, published or given."""
    with one_sentence():
        from adjudicate.capacity.figures import figures_of
        from adjudicate.capacity.money import bill, prices_of
        from adjudicate.capacity.plan import plan

        known = figures_of(costs, change or ())
        if figures:
            _print_figures(known, as_json)
            return
        if limits:
            _print_limits(known, as_json)
            return
        plans = [plan(rate, known) for rate in ads_per_s or RATES]
        priced = prices_of(prices) if prices is not None else None
        bills = [bill(one, priced) for one in plans] if priced is not None else []
        _print(plans, bills, as_json)


def _print(plans: list[Plan], bills: list[Bill], as_json: bool) -> None:
    from adjudicate.capacity import show
    from adjudicate.cli.console import Console

    if as_json:
        import json

        for number, one in enumerate(plans):
            print(json.dumps(show.as_json(one, bills[number] if bills else None)))
        return
    console = Console()
    console.print(show.plan_table(plans))
    if bills:
        console.print(show.bill_table(plans, bills))


def _print_figures(known: Figures, as_json: bool) -> None:
    from adjudicate.capacity import show
    from adjudicate.cli.console import Console

    if as_json:
        import json

        print(json.dumps({name: known.of(name).model_dump() for name in known}))
        return
    Console().print(show.figures_table(known))


def _print_limits(known: Figures, as_json: bool) -> None:
    from dataclasses import asdict

    from adjudicate.capacity import show
    from adjudicate.capacity.limits import limits
    from adjudicate.cli.console import Console

    found = limits(known)
    if as_json:
        import json

        for one in found:
            print(json.dumps(asdict(one)))
        return
    Console().print(show.limits_table(found))
