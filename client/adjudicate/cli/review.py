"""`adjudicate review`: ads in, decisions out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import HELP, Exit, run

if TYPE_CHECKING:
    from adjudicate.bulk.summary import Summary

_OUT = "With --out"


def _with_out(*names: str, **said: Any) -> Any:
    return typer.Option(*names, rich_help_panel=_OUT, **said)


EXAMPLES = options.examples(
    "adjudicate review ad.jpg --market US",
    "adjudicate review samples/manifest.csv --json | jq .outcome",
    "adjudicate review s3://ads/today --out decisions.parquet --concurrency 16",
    then=HELP,
)


@options.connected(timeout=120.0)
def review(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE|DIR|URL|-",
            help="A picture, a folder of pictures (searched recursively), a manifest (.csv) with "
            "columns file, text, advertiser, market, language, product, JSON lines (.jsonl), "
            "Parquet, one of these by URL (s3://, gs://, az:// …), or - for JSON lines or a "
            "picture's bytes on stdin.",
        ),
    ] = None,
    text: Annotated[str | None, typer.Option(help="The ad's copy.")] = None,
    market: Annotated[options.Market | None, typer.Option(help="For ads that do not say.")] = None,
    product: Annotated[
        options.Product | None, typer.Option(help="For ads that do not say.")
    ] = None,
    advertiser: Annotated[str | None, typer.Option(help="For ads that do not say.")] = None,
    as_json: options.Json = False,
    request_size: Annotated[int, typer.Option(min=1, help="Ads in one request.")] = 8,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at a time.")] = 4,
    fail_on: Annotated[
        list[options.Outcome] | None,
        typer.Option(help="Exit with 4 on this outcome; repeatable."),
    ] = None,
    out: Annotated[
        Path | None,
        _with_out(
            help="Write the decisions to this file, .jsonl or .parquet, and go on with it where an "
            "earlier run was stopped."
        ),
    ] = None,
    restart: Annotated[
        bool, _with_out("--restart", help="Drop what stands in the file and begin anew.")
    ] = False,
    retry_errors: Annotated[
        bool,
        _with_out(
            "--retry-errors",
            help="Send ads again that met an error of the service in an earlier run.",
        ),
    ] = False,
    retries: Annotated[
        int, _with_out(min=0, help="Passes, ad by ad, over what met an error that may pass.")
    ] = 2,
    patience: Annotated[
        float, _with_out(min=0, help="Seconds that a service may be away before the run ends.")
    ] = 300.0,
    every: Annotated[
        float,
        _with_out(min=0, help="Seconds between lines of progress without a terminal; 0: none."),
    ] = 30.0,
    *,
    service: options.Service,
) -> None:
    """Review ads: a row, or with --json a line, for each decision when it is ready.

    With --out for any number of ads: memory stays small, a run that was killed goes on where it
    was when the same command is given again, and what is printed is a summary.
    """
    given = {"text": text, "market": market, "product": product, "advertiser": advertiser}
    fields = {name: str(value) for name, value in given.items() if value is not None}
    stops = {str(outcome) for outcome in fail_on or ()}

    async def streaming() -> Exit:
        from adjudicate.cli.streaming import ads_of
        from adjudicate.cli.streaming import review as work

        client = service.client(request_size=request_size, prefetch=concurrency)
        async with client:
            return await work(client, ads_of(what, fields), as_json=as_json, fail_on=stops)

    async def bulk(path: Path) -> Exit:
        from adjudicate.bulk.run import Pace

        if what is None:
            raise ValueError("With --out name a file, a folder or a URL to review.")
        pace = Pace(request_size, concurrency, retries, patience)
        again = {"restart": restart, "retry_errors": retry_errors}
        summary = await _into(path, what, fields, service, pace, every, again)
        _print(summary, as_json)
        outcomes = summary.tally.outcomes
        if outcomes["error"]:
            return Exit.AD_ERROR
        return Exit.FAIL_ON if stops & set(outcomes) else Exit.OK

    status = run(streaming() if out is None else bulk(out))
    if status is not Exit.OK:
        raise typer.Exit(status)


async def _into(
    out: Path,
    what: str,
    fields: dict[str, str],
    service: options.Service,
    pace: Any,
    every: float,
    again: dict[str, bool],
) -> Summary:
    from adjudicate.bulk.progress import view
    from adjudicate.bulk.run import open_output
    from adjudicate.bulk.run import review as work
    from adjudicate.bulk.sources import open_source

    source = open_source(what, fields)
    output = open_output(out, source, fields, **again)
    before = output.done.count
    try:
        return await work(source, output, service.client, pace, view(every))
    except ValueError:  # about the input: the same command would say it again
        raise
    except BaseException:
        if output.done.count:
            said = f"{output.done.count:,} decisions are in {out}"
            if before:
                said += f", {output.done.count - before:,} of them new"
            print(f"adjudicate: {said}; the same command goes on.", file=sys.stderr)
        raise
    finally:
        output.close()


def _print(summary: Summary, as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps(summary.as_json(), ensure_ascii=False))
        return
    from adjudicate.cli.console import Console

    Console().print(summary.table())
