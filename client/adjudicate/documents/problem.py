"""What is wrong with a document, and how plain data become one or its problem."""

from typing import Any

from pydantic import ValidationError

from adjudicate.errors import Code
from adjudicate.wire import Document


class Problem(Document):
    """Why one ad cannot be reviewed: a stable `code` of `adjudicate.errors.Code` and a sentence."""

    code: str
    detail: str = ""


def unknown_fields(unknown: set[str], known: tuple[str, ...]) -> Problem:
    """That a document has fields which are not among those that it may have."""
    names = ", ".join(sorted(str(name)[:50] for name in unknown)[:5])
    return Problem(code=Code.UNKNOWN_FIELD, detail=f"not known: {names}; known: {', '.join(known)}")


def invalid_field(error: ValidationError) -> Problem:
    """The first of the fields that are wrong, and why."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    code = Code.IMAGE_BASE64 if first["type"] == "image_base64" else Code.INVALID_FIELD
    return Problem(code=code, detail=f"{where}: {first['msg']}")


def parsed(kind: Any, data: dict[str, Any], known: tuple[str, ...]) -> Any:
    """A document of `kind` from plain data; with its `problem` alone if that cannot be."""
    given = data.get("id")
    kept = {"id": given} if isinstance(given, str) and 0 < len(given) <= 200 else {}
    if unknown := set(data) - set(known):
        return kind(**kept, problem=unknown_fields(unknown, known))
    if given is not None and not kept:
        detail = "id must be text of 1 to 200 characters"
        return kind(problem=Problem(code=Code.INVALID_FIELD, detail=detail))
    try:
        return kind(**{name: value for name, value in data.items() if value is not None})
    except ValidationError as error:
        return kind(**kept, problem=invalid_field(error))
