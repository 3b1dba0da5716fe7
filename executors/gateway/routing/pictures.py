"""Pictures wait at the gateway: only the rooms that read them get them.

A picture is most of an ad's bytes, and each hop copies it several times. The encoder sends cases
on without; the judge, which sees few of them, gets it back from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jina.proto import jina_pb2
from jina.types.request.data import DataRequest

from adjudicate.errors import Code, ServiceError

_FIELD = "image"

READERS = frozenset({"judge"})
"""Rooms behind the first one that read the picture."""


class Pictures:
    """The pictures of one request, by the ids of their cases. It lives as long as its request."""

    def __init__(self, ads: DataRequest) -> None:
        self._ads: Sequence[Any] = documents(ads)
        self._of: dict[str, Any] = {}

    def know(self, cases: DataRequest) -> None:
        """Note the ids that the first room gave to the ads, in their order.

        Raises `ServiceError` if it did not answer one case per ad.
        """
        answered = documents(cases)
        if len(answered) != len(self._ads):
            detail = f"{len(answered)} cases for {len(self._ads)} ads"
            raise ServiceError(Code.INTERNAL, detail)
        for ad, case in zip(self._ads, answered, strict=True):
            if _FIELD in ad.data:
                self._of[case.data["id"].text] = ad.data[_FIELD]

    def put_back(self, cases: DataRequest) -> None:
        """Give each case of the request its picture."""
        for case in documents(cases):
            picture = self._of.get(case.data["id"].text)
            if picture is not None:
                case.data[_FIELD].CopyFrom(picture)


def documents(request: DataRequest) -> Sequence[Any]:
    """The request's documents as protobuf, not unpacked."""
    found: Sequence[Any] = request.proto_with_data.data.docs.docs
    return found


def without_pictures(cases: Sequence[Any]) -> list[Any]:
    """Copies of documents that do not hold their pictures."""
    copies = []
    for case in cases:
        copy = type(case)()
        for name, value in case.data.items():
            if name != _FIELD:
                copy.data[name].CopyFrom(value)
        copies.append(copy)
    return copies


def chosen(request: DataRequest, kept: Sequence[Any]) -> DataRequest:
    """A copy of the request with some of its documents."""
    copy = jina_pb2.DataRequestProto()
    copy.header.CopyFrom(request.header)
    copy.routes.extend(request.routes)
    copy.data.docs.docs.extend(kept)
    return DataRequest(copy)
