"""Exit statuses, and how an error becomes one sentence and a status."""

from __future__ import annotations

import asyncio
import csv
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
        trace = f" (trace {error.trace_id})" if error.trace_id else ""
        fail(f"{error.detail}{trace}", Exit.UNAVAILABLE)
    except AdjudicateError as error:
        fail(error.detail, Exit.AD_ERROR)
    except BrokenPipeError:
        # Whoever read our output has enough.
        _drop_stdout()
        raise typer.Exit(Exit.OK) from None
    except ValidationError as error:
        first = error.errors()[0]
        fail(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.", Exit.USAGE)
    except UnicodeDecodeError as error:
        fail(f"The input is not UTF-8 text: {error.reason} at byte {error.start}.", Exit.USAGE)
    except OSError as error:
        fail(_said(error), Exit.USAGE)
    except (ConfigurationError, ValueError, csv.Error) as error:
        fail(str(error), Exit.USAGE)
    except KeyboardInterrupt:
        fail("Stopped.", Exit.INTERRUPTED)


def fail(sentence: str, status: Exit) -> None:
    """Say `sentence` on stderr and leave with `status`."""
    print(f"adjudicate: {sentence}", file=sys.stderr)
    raise typer.Exit(status)


@contextmanager
def printing() -> Iterator[None]:
    """What goes wrong with stdout, `--help` too, and at its last flush, is a sentence."""
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
    except OSError as error:
        _drop_stdout()
        print(f"adjudicate: stdout: {_said(error)}", file=sys.stderr)
        sys.exit(Exit.USAGE)


def _drop_stdout() -> None:
    # Python would complain once more at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _said(error: OSError) -> str:
    if error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}."
    return error.strerror if error.errno is not None and error.strerror else str(error)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work`; its errors become a sentence and a status."""
    with one_sentence():
        return asyncio.run(work)
    raise AssertionError("one_sentence leaves on every error")
