"""JSON schemas made from the documents themselves.

A document's fields, their types and docstrings stand in `adjudicate.documents` once. What is said
here is only how JSON differs: a client sets some fields of a document, an answer leaves out others.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any

from docarray import BaseDoc
from pydantic import BaseModel

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
TRUTH: Schema = {"type": "boolean"}
NUMBERS: Schema = {"type": "array", "items": {"type": "number"}}
ID: Schema = {**TEXT, "minLength": 1, "maxLength": 200}


def ref(name: str) -> Schema:
    """A component by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(item: Schema | str, **more: Any) -> Schema:
    """A list; a name stands for the component."""
    return {"type": "array", "items": ref(item) if isinstance(item, str) else item, **more}


def maybe(schema: Schema) -> Schema:
    """That, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(values: Iterable[Any], **more: Any) -> Schema:
    """Text that is one of these."""
    return {**TEXT, "enum": [str(value) for value in values], **more}


def taken(description: str, required: Iterable[str] = (), **properties: Schema) -> Schema:
    """An object that a client sends; nothing else may stand in it."""
    schema = {"type": "object", "description": description, "properties": properties}
    needed = {"required": list(required)} if required else {}
    return {**schema, **needed, "additionalProperties": False}


def answered(description: str, **properties: Schema) -> Schema:
    """An object that the service sends: every field is there."""
    schema = {"type": "object", "description": description, "properties": properties}
    return {**schema, "required": list(properties)}


def taken_of(
    document: type[BaseDoc],
    names: Iterable[str],
    required: Iterable[str] = (),
    **replaced: Schema,
) -> Schema:
    """What a client sets on a document, with other schemas for some fields."""
    fields = _fields(document, set(names), {"id": ID, **replaced})
    for name, schema in fields.items():
        options = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
        if options:  # null says the same as leaving it out
            said = {key: value for key, value in schema.items() if key == "description"}
            fields[name] = {**options[0], **said}
    return taken(_summary(document), required, **fields)


def answered_of(document: type[BaseDoc], without: Iterable[str] = (), **replaced: Schema) -> Schema:
    """A document as the service sends it, with other schemas for some fields."""
    names = set(document.model_fields) - set(without)
    own = {"id": TEXT, "problem": maybe(ref("ItemProblem"))}
    return answered(_summary(document), **_fields(document, names, {**own, **replaced}))


def of_model(model: type[BaseModel]) -> dict[str, Schema]:
    """The components of an answer that is a pydantic model: itself, and what it is made of."""
    whole = model.model_json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )
    return {**whole.pop("$defs", {}), model.__name__: whole}


def _fields(document: type[BaseDoc], names: set[str], replaced: dict[str, Schema]) -> Schema:
    made: Schema = {}
    for name, schema in document.model_json_schema()["properties"].items():
        if name in names:
            kept = {key: schema[key] for key in schema if key not in ("title", "default")}
            made[name] = dict(replaced.get(name, kept))
            if said := _docstrings(document.__module__)[document.__name__].get(name):
                made[name]["description"] = said
    return made


@cache
def _docstrings(module: str) -> dict[str, dict[str, str]]:
    """What stands under the fields of a module's classes, by class and field."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {one.name: _under_fields(one) for one in tree.body if isinstance(one, ast.ClassDef)}


def _under_fields(tree: ast.ClassDef) -> dict[str, str]:
    return {
        field.target.id: " ".join(str(text.value.value).split())
        for field, text in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


def _summary(document: type[BaseDoc]) -> str:
    return " ".join((inspect.getdoc(document) or "").split("\n\n")[0].split())
