"""The operations of `/v1/stream` by their names: the same bodies as over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from adjudicate.errors import Code, RequestError
from executors.gateway.operations.api import Api
from executors.gateway.operations.bodies import Body
from executors.gateway.protocols.reader import known

Operation = Callable[[Body], Awaitable[Body]]


def operations_of(api: Api) -> dict[str, Operation]:
    """All but `review`, which has many answers.

    Each raises as the operation does, and `RequestError` `malformed_request` for a field that is
    not known.
    """
    library, thresholds, models = api.library, api.thresholds, api.models
    quality, records = api.quality, api.records
    learning = api.learning
    queue, appeals, webhooks = api.queue, api.appeals, api.webhooks
    return {
        "embed": _takes("Embed", api.embed),
        "rank": _takes("Rank", api.ranking.rank),
        "classify": _takes("Classify", api.ranking.classify),
        "search": _takes("Search", api.search),
        "library.add": _takes("AddExemplars", library.add),
        "library.held": _takes("Held", library.held),
        "library.list": library.page,
        "library.get": lambda body: library.get(id_of(body)),
        "library.set": _takes_id("SetExemplar", library.set),
        "library.remove": lambda body: library.remove(id_of(body), body),
        "library.banks": lambda body: library.banks(),
        "library.bank": _takes_id("SetBank", library.bank),
        "library.changes": library.changes,
        "thresholds.list": lambda body: thresholds.list(),
        "thresholds.get": lambda body: thresholds.get(id_of(body)),
        "thresholds.add": _takes("AddThresholds", thresholds.add),
        "thresholds.set": _takes_id("SetThresholds", thresholds.set),
        "models.list": lambda body: models.list(),
        "models.load": _takes("LoadModel", models.load),
        "decision": lambda body: api.decision(id_of(body)),
        "decisions": api.decisions,
        "decision.verdict": _takes_id("GiveVerdict", quality.verdict),
        "queue": queue.list,
        "queue.counts": queue.counts,
        "queue.get": lambda body: queue.get(id_of(body)),
        "queue.claim": _takes("ClaimCase", queue.claim),
        "queue.release": _takes("ReleaseCase", queue.release),
        "queue.review": _takes("AnswerCase", queue.review),
        "queue.undo": _takes("UndoAnswer", queue.undo),
        "appeals": appeals.list,
        "appeals.get": lambda body: appeals.get(id_of(body)),
        "appeals.open": _takes_id("OpenAppeal", appeals.open),
        "appeals.decide": _takes_id("DecideAppeal", appeals.decide),
        "webhooks": webhooks.list,
        "webhooks.retry": _takes("RetryWebhook", webhooks.retry),
        "webhooks.test": _takes("TestWebhook", lambda body: webhooks.test()),
        "learning": learning.figures,
        "learning.teach": _takes_id("TeachExemplar", learning.teach),
        "learning.forget": lambda body: learning.forget(id_of(body), body),
        "learning.threshold": learning.effect,
        "propagations": learning.propagations,
        "propagations.get": lambda body: learning.propagation(id_of(body)),
        "propagations.add": _takes("Propagate", learning.propagate),
        "propagations.undo": _takes_id("UndoPropagation", learning.undo),
        "overview": learning.overview,
        "quality": quality.figures,
        "quality.reference": _takes("SetReference", quality.set_reference),
        "audit.list": api.audit.list,
        "audit.verify": api.audit.verify,
        "records.case": lambda body: records.case(id_of(body)),
        "records.search": _takes("SearchDecisions", records.search),
        "records.export": _takes("ExportDecisions", records.export),
        "records.erase": _takes("Erase", records.erase),
        "records.expire": _takes("Expire", records.expire),
        "status": lambda body: api.status(),
        "report": api.reports.report,
    }


def id_of(body: Body) -> str:
    """The `id` of a frame. Raises `RequestError` `malformed_request` when it is no text."""
    found = body.get("id")
    if not isinstance(found, str) or "\0" in found:
        raise RequestError(Code.MALFORMED, '"id" must be text, without NUL')
    return found


def _takes(component: str, operation: Operation) -> Operation:
    return lambda body: operation(known(body, component))


def _takes_id(component: str, operation: Callable[[str, Body], Awaitable[Body]]) -> Operation:
    return lambda body: operation(id_of(body), known(body, component, "id"))
