"""Documents to protobuf and back: docarray's own messages, made without its generic detours.

docarray 0.41 looks at the type of each value anew, and builds a pydantic schema for each id that it
reads: half of what a hop through a room costs. What is not a plain value, or a list or mapping of
them, is still left to docarray.
"""

# No `from __future__ import annotations` here: see documents/__init__.py.
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from docarray import BaseDoc
from docarray.base_doc.mixins.io import _type_to_protobuf
from docarray.proto import DocProto
from docarray.typing import ID

from adjudicate.images import EncodedImage

Self = TypeVar("Self", bound="Document")

_SCALARS = frozenset({"text", "integer", "float", "boolean"})
_PLAIN: dict[type, str] = {str: "text", bool: "boolean", int: "integer", float: "float"}
_IMAGE = EncodedImage._proto_type_name
_ID = ID._proto_type_name


class Document(BaseDoc):
    """Base of all documents. On the wire they are what docarray makes of them."""

    sparse: ClassVar[bool] = False
    """Whether fields without a value are left out; who reads it has their defaults."""

    @classmethod
    def from_protobuf(cls: type[Self], pb_msg: Any) -> Self:
        """As docarray's. Raises pydantic's `ValidationError` for a value that does not fit."""
        known = cls._docarray_fields()
        return cls(
            **{name: _read(cls, name, node) for name, node in pb_msg.data.items() if name in known}
        )

    def to_protobuf(self) -> Any:
        """As docarray's. Raises `ValueError` for a value that protobuf cannot hold."""
        message = DocProto()
        self.write(message)
        return message

    def write(self, message: Any) -> None:
        """Write the document on a new `DocProto`, as one of a list: what is appended is copied."""
        data, sparse = message.data, self.sparse
        for name, value in self.__dict__.items():
            if not sparse or _holds(value):
                _write(data[name], value)


def _holds(value: Any) -> bool:
    return value is not None and not (isinstance(value, str | list | dict) and not value)


def _read(cls: type[Document], name: str, node: Any) -> Any:
    kind = node.WhichOneof("content")
    if kind is None:
        return None
    content = getattr(node, kind)
    of_docarray = node.type if node.HasField("type") else ""
    if kind in _SCALARS and of_docarray in ("", _ID):
        return content
    if kind == "blob" and of_docarray == _IMAGE:
        return EncodedImage(content)
    if not of_docarray and kind in ("list", "dict"):
        found = _PLAIN_CONTAINERS[kind](content.data)
        if found is not None:
            return found
    return cls._get_content_from_node_proto(node, name)


def _plain_list(items: Any) -> list[Any] | None:
    found = []
    for node in items:
        kind = node.WhichOneof("content")
        if kind not in _SCALARS:
            return None
        found.append(getattr(node, kind))
    return found


def _plain_dict(items: Any) -> dict[str, Any] | None:
    found = {}
    for name, node in items.items():
        kind = node.WhichOneof("content")
        if kind not in _SCALARS:
            return None
        found[name] = getattr(node, kind)
    return found


_PLAIN_CONTAINERS: dict[str, Callable[[Any], Any]] = {"list": _plain_list, "dict": _plain_dict}


def _write(node: Any, value: Any) -> None:
    """Write the value on a new, empty node."""
    kind = type(value)
    if value is None:
        return
    if kind in _PLAIN:
        setattr(node, _PLAIN[kind], value)
    elif kind is ID:
        node.text, node.type = value, _ID
    elif kind is EncodedImage:
        node.blob, node.type = value, _IMAGE
    elif kind is list and all(type(item) in _PLAIN for item in value):
        node.list.SetInParent()
        for item in value:
            setattr(node.list.data.add(), _PLAIN[type(item)], item)
    elif kind is dict and all(type(item) in _PLAIN for item in value.values()):
        node.dict.SetInParent()
        for name, item in value.items():
            setattr(node.dict.data[name], _PLAIN[type(item)], item)
    else:
        node.CopyFrom(_type_to_protobuf(value))
