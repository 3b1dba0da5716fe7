"""A wall around Jina 3.34's packing of messages: no picture is packed or copied for nothing.

To count the bytes of a message Jina packs it, throws that away, and packs it once more to send it.
To put documents into a message it makes a message of each, copies them into a list, and copies that
list.
"""

from __future__ import annotations

from typing import Any

from docarray import DocList
from jina.proto.serializer import DataRequestProto as _Serializer
from jina.serve.networking.connection_stub import _ConnectionStubs
from jina.types.request.data import DataRequest

from adjudicate.wire import Document


def pack_once() -> None:
    """Have Jina pack each message once, in this process."""
    if getattr(_ConnectionStubs.send_requests, "once", False):
        return
    send, count, jinas = _ConnectionStubs.send_requests, DataRequest.nbytes, _Serializer
    pack = jinas.SerializeToString

    async def send_requests(stubs: Any, requests: Any, *args: Any, **kwargs: Any) -> Any:
        if len(requests) == 1 and type(requests[0]) is DataRequest:
            requests[0]._is_sent = True
        return await send(stubs, requests, *args, **kwargs)

    def nbytes(request: DataRequest) -> int:
        if not request.is_decompressed:
            return len(request.buffer or b"")
        # Jina counts others too, and changes them afterwards: an answer was once a request.
        if not vars(request).pop("_is_sent", False):
            counted: int = count.fget(request)
            return counted
        request._packed = request._pb_body.SerializePartialToString()
        return len(request._packed)

    def packed(request: DataRequest) -> bytes:
        kept: bytes | None = vars(request).pop("_packed", None)
        return pack(request) if kept is None else kept

    send_requests.once = True  # type: ignore[attr-defined]
    _ConnectionStubs.send_requests = send_requests
    DataRequest.nbytes = property(nbytes)
    jinas.SerializeToString = staticmethod(packed)
    content = DataRequest._DataContent
    content.set_docs_convert_arrays = _in_place(content.set_docs_convert_arrays)


def _in_place(convert: Any) -> Any:
    def set_docs(content: Any, value: Any, ndarray_type: str | None = None) -> None:
        if not isinstance(value, DocList) or not issubclass(value.doc_type, Document):
            convert(content, value, ndarray_type)
            return
        content._loaded_doc_array = None
        content._content.docs.Clear()
        content._content.docs.SetInParent()
        add = content._content.docs.docs.add
        for document in value:
            document.write(add())

    return set_docs
