"""`adjudicate library encoders` and `reembed`: they work on the database, not through a service."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from adjudicate.cli import options
from adjudicate.cli.exits import Exit, fail, one_sentence
from adjudicate.cli.transfers import progress

if TYPE_CHECKING:
    from executors.reembed import Reembedding

FOLLOW_S = 0.5
"""How often the table is looked at; ads of this encoder wait for it after an addition."""

Database = Annotated[
    str, typer.Option(help="SQLAlchemy URL; by default that of the settings, ADJUDICATE_DATABASE.")
]


def encoders(
    drop: Annotated[
        str, typer.Option(metavar="VERSION", help="Delete the embeddings of this encoder version.")
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Even if no other version is complete.")
    ] = False,
    database: Database = "",
    as_json: options.Json = False,
) -> None:
    """The encoder versions whose embeddings the library has, and of how many exemplars."""
    with one_sentence():
        from adjudicate.up import check_serve

        check_serve("torch", "open_clip", "sqlalchemy")
        from executors.reembed import RefusedError, drop_encoder, encoder_counts

        if drop:
            try:
                deleted = drop_encoder(database, drop, force=force)
            except RefusedError as error:
                fail(str(error), Exit.USAGE)
            said = json.dumps({"deleted": deleted}) if as_json else f"{deleted} embeddings deleted"
            print(said)
            return
        total, counts = encoder_counts(database)
        for version, count in counts.items():
            if as_json:
                print(json.dumps({"version": version, "exemplars": count, "of": total}))
                continue
            complete = "complete" if count == total else f"{total - count} missing"
            print(f"{version}  {count} of {total}  {complete}")
        if not counts and not as_json:
            print("no embeddings")


def reembed(
    model: Annotated[
        str, typer.Option(help="Folder or architecture; by default that of the settings.")
    ] = "",
    pretrained: Annotated[str, typer.Option(help="The tag that goes with an architecture.")] = "",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda …")] = "",
    batch: Annotated[int, typer.Option(min=1, help="Exemplars at a time.")] = 32,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many exemplars lack embeddings.")
    ] = False,
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Go on with what is added, until Ctrl-C or SIGTERM."),
    ] = False,
    database: Database = "",
    as_json: options.Json = False,
) -> None:
    """Embed the exemplars with another encoder, beside the embeddings that they have.

    The running service goes on with its own encoder meanwhile. Stopped at any moment, it goes on
    where it was when it is run again. It works where the serve extra is installed and the database
    can be reached. Exits with 1 when an exemplar cannot be embedded.

    With --follow it stays, and embeds whatever is added: so two encoders can serve side by side
    while traffic moves from one to the other, and back.
    """
    with one_sentence():
        from adjudicate.up import check_serve

        check_serve("torch", "open_clip", "sqlalchemy")
        from executors.reembed import Reembedding

        given = {"model": model, "pretrained": pretrained, "precision": precision}
        changes = {name: value for name, value in {**given, "device": device}.items() if value}
        work = Reembedding(database, changes)
        missing = work.missing
        said = {"encoder": work.version, "exemplars": work.total, "to_embed": missing}
        if not as_json:
            print(f"encoder {work.version}: {missing} of {work.total} exemplars to embed")
        if dry_run:
            if as_json:
                print(json.dumps({**said, "dry_run": True}))
            return
        if follow:
            _follow(work, batch, as_json)
            return
        with progress("embedding", lambda: work.missing) as advance:
            problems_seen: list[str] = []
            for done, problems in work.run(batch):
                advance(done)
                problems_seen += map(str, problems)
                for problem in () if as_json else problems:
                    print(problem)
        if as_json:
            print(json.dumps({**said, "problems": problems_seen}, ensure_ascii=False))
        if problems_seen:
            sentence = f"{len(problems_seen)} exemplars cannot be embedded; remove or replace them."
            fail(sentence, Exit.AD_ERROR)
        if not as_json:
            print(work.what_next())


def _follow(work: Reembedding, batch: int, as_json: bool) -> None:
    """Until a signal; what is embedded is said as it is done."""
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    for done, problems in work.follow(batch, FOLLOW_S, stop):
        if as_json:
            print(json.dumps({"embedded": done, "problems": problems}), flush=True)
            continue
        if done:
            print(f"{done} embedded", flush=True)
        for problem in problems:
            print(problem, flush=True)
