"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

from adjudicate.defaults import DEFAULT_URL

Url = Annotated[
    str,
    typer.Option(
        envvar="ADJUDICATE_URL",
        help="The service: grpc://, http:// or ws:// (with TLS grpcs://, https://, wss://).",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else there.")]
Timeout = Annotated[float, typer.Option(min=0.001, help="Seconds until a request is given up.")]
Header = Annotated[
    list[str] | None,
    typer.Option("--header", "-H", help="A header of every request, 'Name: value'; repeatable."),
]

__all__ = ["DEFAULT_URL", "Header", "Json", "Timeout", "Url", "headers"]


def headers(lines: list[str] | None) -> dict[str, str]:
    """`Name: value` lines as a mapping. Raises `typer.BadParameter` for any other line."""
    found: dict[str, str] = {}
    for line in lines or ():
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise typer.BadParameter(f"expected 'Name: value', got {line!r}")
        found[name.strip()] = value.strip()
    return found
