"""An exception in a log: where it came from and what it says, without what it was about.

Messages of exceptions quote what went wrong, so also an ad's copy or picture. Kept are the stack
without any variables, the type, and the first line of the message with long quotations left out.
"""

from __future__ import annotations

import re
import textwrap
import traceback
from collections.abc import Iterator

from pydantic import ValidationError

MAX_MESSAGE = 300
MAX_FRAMES, MAX_CHAIN, MAX_GROUP = 20, 4, 4
"""Innermost stack frames of one exception; exceptions of a chain, and of a group."""

_QUOTATION = re.compile(r"""b?(['"])(?P<said>(?:\\.|(?!\1).){24,})\1""")
_DATA = re.compile(r"\s|\\|[^\x00-\x7f]")
"""What a path, a name or an id does not have, unlike a sentence or bytes."""
_JOINT = "\n\nwhich led to\n\n"


def text_of(error: BaseException) -> str:
    """The exception with its causes, first cause first."""
    return _JOINT.join(map(_one, reversed(list(_chain(error)))))


def message_of(error: BaseException) -> str:
    """What an exception says, as far as it may stand in a log."""
    if isinstance(error, ValidationError):
        found = error.errors(include_url=False, include_context=False, include_input=False)
        wrong = [f"{'.'.join(map(str, one['loc']))} ({one['type']})" for one in found[:5]]
        return f"{error.error_count()} errors in {error.title}: {', '.join(wrong)}"
    return said(str(error))[:MAX_MESSAGE]


def said(message: str) -> str:
    """What a library says: the first line, without longer quotations.

    The further lines of a database's message hold the values, and SQLAlchemy's the parameters.
    """
    first, *_ = message.strip().splitlines() or [""]
    return _QUOTATION.sub(_left_out, first)


def _left_out(found: re.Match[str]) -> str:
    return "'…'" if _DATA.search(found["said"]) else found[0]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen and len(seen) < MAX_CHAIN:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _one(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__, limit=-MAX_FRAMES)
    stack = "".join(
        f'  File "{one.filename}", line {one.lineno}, in {one.name}\n    {one.line}\n'
        for one in frames
    )
    head = "Traceback (most recent call last):\n" if stack else ""
    message = message_of(error)
    text = f"{head}{stack}{_name(error)}{': ' if message else ''}{message}"
    if isinstance(error, BaseExceptionGroup):
        inner = (textwrap.indent(text_of(one), "  | ") for one in error.exceptions[:MAX_GROUP])
        text = "\n".join((text, *inner))
    return text


def _name(error: BaseException) -> str:
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"
