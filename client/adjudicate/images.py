"""`EncodedImage`: an encoded picture that stays the same bytes on every protocol."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from docarray.base_doc.base_node import BaseNode
from docarray.proto import NodeProto
from docarray.typing.proto_register import _register_proto
from pydantic import (
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationError,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_JSON_BYTES: TypeAdapter[bytes] = TypeAdapter(bytes, config=ConfigDict(val_json_bytes="base64"))
_NOT_QUICK = ("-", "_", "\\", '"')
"""What pydantic's decoder would read otherwise than RFC 4648's alphabet, or JSON as its own."""


def _from_base64(text: str) -> bytes:
    """RFC 4648, section 4, padded. Raises `ValueError` for anything else.

    Pydantic decodes three times as fast as the standard library. Where the two may differ, and for
    what pydantic refuses, the standard library has the word.
    """
    if len(text) % 4 == 0 and not any(mark in text for mark in _NOT_QUICK):
        try:
            return _JSON_BYTES.validate_json(f'"{text}"')
        except ValidationError:
            pass
    return base64.b64decode(text, validate=True)


@_register_proto(proto_type_name="encoded_image")
class EncodedImage(bytes, BaseNode):
    """The file as the advertiser made it (JPEG, PNG, WebP, …): bytes in Python and in protobuf,
    base64 text in JSON.

    docarray's own `ImageBytes` becomes `str` when a gateway rebuilds classes from JSON schemas;
    this type says base64 in its schema and decodes it on the way in.
    """

    def _to_node_protobuf(self) -> NodeProto:
        return NodeProto(blob=bytes(self), type=self._proto_type_name)

    @classmethod
    def from_protobuf(cls, pb_msg: Any) -> EncodedImage:
        return cls(pb_msg)

    def _docarray_to_json_compatible(self) -> str:
        return base64.b64encode(self).decode("ascii")

    @classmethod
    def parse(cls, value: Any) -> EncodedImage:
        """Bytes as they are; text as base64.

        Raises pydantic's `image_base64` error for text that is not base64, `image_type` for others.
        """
        if isinstance(value, cls):
            return value  # as it is: a copy of a picture at each validation adds up
        if isinstance(value, bytes | bytearray | memoryview):
            return cls(value)
        if isinstance(value, str):
            try:
                return cls(_from_base64(value))
            except (binascii.Error, ValueError):
                raise PydanticCustomError(
                    "image_base64", "the image is text that is not valid base64"
                ) from None
        raise PydanticCustomError("image_type", "the image must be bytes, or base64 text")

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda image: base64.b64encode(image).decode("ascii"),
                return_schema=core_schema.str_schema(),
                when_used="json",
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "format": "byte", "contentEncoding": "base64"}
