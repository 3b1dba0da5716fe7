"""Options that several commands have."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from adjudicate.defaults import DEFAULT_URL

if TYPE_CHECKING:
    from adjudicate.client import AsyncClient

RETRIES = 3
"""A person waits at the prompt: fewer than a program's client makes."""

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

__all__ = [
    "DEFAULT_URL",
    "Header",
    "Json",
    "Market",
    "Product",
    "Timeout",
    "Url",
    "connect",
    "headers",
]


class Market(StrEnum):
    """Where the ad runs."""

    CN = "CN"
    US = "US"
    EU = "EU"


class Product(StrEnum):
    """What it advertises."""

    DRUG = "drug"
    DEVICE = "device"
    FOOD = "food"


def headers(lines: list[str] | None) -> dict[str, str]:
    """`Name: value` lines as a mapping. Raises `typer.BadParameter` for any other line."""
    found: dict[str, str] = {}
    for line in lines or ():
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise typer.BadParameter(f"expected 'Name: value', got {line!r}")
        found[name.strip()] = value.strip()
    return found


def connect(
    url: str, header: list[str] | None, timeout: float, retries: int = RETRIES
) -> AsyncClient:
    """The client that the options of a command describe. Raises as `headers`."""
    from adjudicate.client import AsyncClient  # takes seconds to import; `--help` must not

    return AsyncClient(url, headers=headers(header), timeout=timeout, retries=retries)
