"""Over HTTP: one POST a request, JSON both ways."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from adjudicate.documents import Ad, Decision
from adjudicate.errors import Code, ServiceError
from adjudicate.transports.address import Address
from adjudicate.transports.base import in_order
from adjudicate.transports.faults import from_status, interrupted, unreachable
from adjudicate.transports.json import JsonTransport, _items, with_ads
from adjudicate.transports.parts import read
from adjudicate.transports.tls import Tls

CONNECT_S = 10.0
"""Seconds until a host that does not even refuse counts as unreachable."""

_ROUTES = {
    "review": ("POST", "/v1/review"),
    "embed": ("POST", "/v1/embed"),
    "rank": ("POST", "/v1/rank"),
    "classify": ("POST", "/v1/classify"),
    "search": ("POST", "/v1/search"),
    "library.list": ("GET", "/v1/library"),
    "library.get": ("GET", "/v1/library/{id}"),
    "library.add": ("POST", "/v1/library"),
    "library.held": ("POST", "/v1/library/held"),
    "library.set": ("PATCH", "/v1/library/{id}"),
    "library.remove": ("DELETE", "/v1/library/{id}"),
    "library.banks": ("GET", "/v1/library/banks"),
    "library.bank": ("PATCH", "/v1/library/banks/{id}"),
    "library.changes": ("GET", "/v1/library/changes"),
    "thresholds.list": ("GET", "/v1/thresholds"),
    "thresholds.get": ("GET", "/v1/thresholds/{id}"),
    "thresholds.add": ("POST", "/v1/thresholds"),
    "thresholds.set": ("PATCH", "/v1/thresholds/{id}"),
    "models.list": ("GET", "/v1/models"),
    "models.load": ("POST", "/v1/models/load"),
    "decision": ("GET", "/v1/decisions/{id}"),
    "decisions": ("GET", "/v1/decisions"),
    "decision.verdict": ("POST", "/v1/decisions/{id}/verdict"),
    "queue": ("GET", "/v1/queue"),
    "queue.counts": ("GET", "/v1/queue/counts"),
    "queue.get": ("GET", "/v1/queue/cases/{id}"),
    "queue.claim": ("POST", "/v1/queue/claim"),
    "queue.release": ("POST", "/v1/queue/release"),
    "queue.review": ("POST", "/v1/queue/review"),
    "queue.undo": ("POST", "/v1/queue/undo"),
    "appeals": ("GET", "/v1/appeals"),
    "appeals.get": ("GET", "/v1/appeals/{id}"),
    "appeals.open": ("POST", "/v1/decisions/{id}/appeal"),
    "appeals.decide": ("POST", "/v1/appeals/{id}/decide"),
    "webhooks": ("GET", "/v1/webhooks"),
    "webhooks.retry": ("POST", "/v1/webhooks/retry"),
    "webhooks.test": ("POST", "/v1/webhooks/test"),
    "quality": ("GET", "/v1/quality"),
    "quality.reference": ("POST", "/v1/quality/reference"),
    "audit.list": ("GET", "/v1/audit"),
    "audit.verify": ("GET", "/v1/audit/verify"),
    "records.case": ("GET", "/v1/decisions/{id}/case"),
    "records.search": ("POST", "/v1/records/search"),
    "records.export": ("POST", "/v1/records/export"),
    "records.erase": ("POST", "/v1/records/erase"),
    "records.expire": ("POST", "/v1/records/expire"),
    "status": ("GET", "/v1/status"),
    "report": ("GET", "/v1/report"),
}


class HttpTransport(JsonTransport):
    """A pool of kept-alive connections to the gateway."""

    def __init__(
        self,
        address: Address,
        headers: Mapping[str, str],
        tls: Tls | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._address = address
        # No read limit: the client sets one for the whole exchange. No bound on connections
        # either: the client bounds what is in flight.
        self._http = httpx.AsyncClient(
            base_url=f"{'https' if address.tls else 'http'}://{address.target}{address.path}",
            headers=dict(headers),
            timeout=httpx.Timeout(None, connect=CONNECT_S),
            limits=httpx.Limits(max_connections=None),
            verify=tls.context() if tls else True,
            transport=transport,
            trust_env=not address.loopback,
        )

    async def review(self, ads: Sequence[Ad]) -> AsyncIterator[tuple[int, Decision]]:
        """All decisions of the request at once."""
        # The request's span is below the first ad's; the others have spans that link to it.
        headers = {"traceparent": ads[0].traceparent} if ads[0].traceparent else {}
        headers["content-type"] = "application/json"
        answer = await self._ask(*_ROUTES["review"], headers=headers, content=with_ads({}, ads))
        decisions = [read(Decision, item) for item in _items(answer, "decisions")]
        for numbered in in_order(ads, decisions):
            yield numbered

    async def call(self, op: str, body: dict[str, Any]) -> dict[str, Any]:
        """One exchange; a GET's or DELETE's body travels as its query."""
        method, path = _ROUTES[op]
        if "{id}" in path:
            path = path.format(id=quote(body["id"], safe=""))
            body = {name: value for name, value in body.items() if name != "id"}
        if method in ("POST", "PATCH"):
            return await self._ask(method, path, json=body)
        return await self._ask(method, path, params=body)

    async def _ask(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        try:
            response = await self._http.request(method, path, **sent)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise unreachable(self._address, error) from error
        except httpx.TransportError as error:
            raise interrupted(self._address, error) from error
        if response.is_error:
            raise from_status(response.status_code, _json(response), response.headers)
        if response.status_code == httpx.codes.NO_CONTENT:
            return {}
        answer = _json(response)
        if not isinstance(answer, dict):
            detail = f"What answers at {self._address.url} is not the service."
            raise ServiceError(Code.INTERNAL, detail)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
