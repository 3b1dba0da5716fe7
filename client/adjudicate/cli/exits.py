"""Exit statuses, and how an error becomes one sentence and a status."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, TypeVar

import typer
from pydantic import ValidationError

from adjudicate.errors import AdjudicateError, ConfigurationError, ServiceError

T = TypeVar("T")


class Exit(IntEnum):
    """What the shell sees."""

    OK = 0
    AD_ERROR = 1
    USAGE = 2
    UNAVAILABLE = 3
    FAIL_ON = 4
    INTERRUPTED = 130


HELP = """Exit status: 0 every ad was decided; 1 an ad has outcome error, or a request was refused;
2 wrong use; 3 the service is not available; 4 an ad has an outcome named by --fail-on."""


@contextmanager
def one_sentence() -> Iterator[None]:
    """Errors that a user can meet, said on stderr without a stack."""
    try:
        yield
    except ServiceError as error:
        fail(error.detail, Exit.UNAVAILABLE)
    except AdjudicateError as error:
        fail(error.detail, Exit.AD_ERROR)
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(Exit.OK) from None
    except ValidationError as error:
        first = error.errors()[0]
        fail(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.", Exit.USAGE)
    except (ConfigurationError, ValueError, OSError) as error:
        fail(str(error), Exit.USAGE)
    except KeyboardInterrupt:
        fail("Stopped.", Exit.INTERRUPTED)


def fail(sentence: str, status: Exit) -> None:
    """Say `sentence` on stderr and leave with `status`."""
    print(f"adjudicate: {sentence}", file=sys.stderr)
    raise typer.Exit(status)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work`; its errors become a sentence and a status."""
    with one_sentence():
        return asyncio.run(work)
    raise AssertionError("one_sentence leaves on every error")
