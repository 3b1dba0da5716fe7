"""Options that several commands have, and the epilog that shows how a command is used."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adjudicate.defaults import DEFAULT_URL

if TYPE_CHECKING:
    from adjudicate.client import AsyncClient

RETRIES = 3
"""A person waits at the prompt: fewer than a program's client makes."""
_PANEL = "Connection"

Url = Annotated[
    str,
    typer.Option(
        envvar="ADJUDICATE_URL",
        help="The service: grpc://, http:// or ws:// (with TLS grpcs://, https://, wss://).",
        rich_help_panel=_PANEL,
    ),
]
ApiKey = Annotated[
    str,
    typer.Option(
        "--api-key",
        envvar="ADJUDICATE_API_KEY",
        help="API key or JWT. Prefer the variable: options stand in the list of processes.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
Header = Annotated[
    list[str] | None,
    typer.Option(
        "--header",
        "-H",
        help="A header of every request, 'Name: value'; repeatable.",
        rich_help_panel=_PANEL,
    ),
]
Ca = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        envvar="ADJUDICATE_CA",
        help="PEM file of the authority that signed the service's certificate.",
        rich_help_panel=_PANEL,
    ),
]
Timeout = Annotated[
    float,
    typer.Option(min=0.001, help="Seconds until a request is given up.", rich_help_panel=_PANEL),
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else there.")]

__all__ = [
    "DEFAULT_URL",
    "Json",
    "Market",
    "Outcome",
    "Polarity",
    "Product",
    "Service",
    "Severity",
    "connected",
    "examples",
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


class Outcome(StrEnum):
    """Outcomes that a script may want to stop at."""

    REJECT = "reject"
    ESCALATE = "escalate"


class Polarity(StrEnum):
    """What an exemplar stands for."""

    VIOLATION = "violation"
    LOOKALIKE = "lookalike"


class Severity(StrEnum):
    """How bad it is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True)
class Service:
    """Where the service is and how it is spoken to: what the connection options say."""

    url: str = DEFAULT_URL
    api_key: str = field(default="", repr=False)
    header: list[str] | None = field(default=None, repr=False)
    ca: Path | None = None
    timeout: float = 60.0

    def client(self, retries: int = RETRIES, **options: Any) -> AsyncClient:
        """A client of it; `options` are `AsyncClient`'s. Raises as `headers`."""
        from adjudicate.client import AsyncClient  # takes seconds to import; `--help` must not

        return AsyncClient(
            self.url,
            api_key=self.api_key or None,
            ca=self.ca,
            headers=headers(self.header),
            timeout=self.timeout,
            retries=retries,
            **options,
        )


def connected(timeout: float = 60.0) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the connection options; it gets them as one `service: Service`.

    `timeout`, in seconds, is the default of --timeout.
    """
    parts = {
        "url": (Url, DEFAULT_URL),
        "api_key": (ApiKey, ""),
        "header": (Header, None),
        "ca": (Ca, None),
        "timeout": (Timeout, timeout),
    }

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def call(**given: Any) -> None:
            said = {name: given.pop(name) for name in parts}
            command(**given, service=Service(**said))

        own = inspect.signature(command, eval_str=True).parameters
        kept = [parameter for name, parameter in own.items() if name != "service"]
        added = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
            )
            for name, (annotation, default) in parts.items()
        ]
        shown = inspect.Signature([*kept, *added])
        # Typer makes a command's options from the signature and the annotations.
        call.__signature__ = shown  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in shown.parameters.values()}
        return call

    return decorate


def examples(*lines: str, then: str = "") -> str:
    """The epilog of a command: `$ adjudicate …` lines, and what there is to add."""
    shown = "\n".join(("Examples:", *(f"  $ {line}" for line in lines)))
    return f"{shown}\n\n{then}" if then else shown


def headers(lines: list[str] | None) -> dict[str, str]:
    """`Name: value` lines as a mapping. Raises `typer.BadParameter` for any other line."""
    found: dict[str, str] = {}
    for line in lines or ():
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise typer.BadParameter(f"expected 'Name: value', got {line!r}")
        found[name.strip()] = value.strip()
    return found
