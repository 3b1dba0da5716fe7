"""What is held against a decision or a ruling, and what became of it."""

from adjudicate.documents.problem import Problem
from adjudicate.wire import Document


class Appeal(Document):
    """Somebody holds that what counts for an ad is wrong. A decision has one open at a time."""

    decision_id: str = ""
    reason: str = ""
    contact: str = ""
    """Whom to tell, as who appeals writes it."""
    state: str = "open"
    """An `AppealState`: `open`, `upheld` (what counted still does), or `overturned`."""
    outcome: str = ""
    """Answer: what counted when it was opened: `approve` or `reject`."""
    rule: str = ""
    """That the ad was rejected for then; in a decision on the appeal, the one it breaks."""
    by: str = ""
    """Who opened it: `key:<id>`, `jwt:<subject>`, or `open`."""
    by_name: str = ""
    role: str = ""
    """A `Role`: of who asks."""
    opened_at: str = ""
    """UTC, ISO 8601."""
    decided_by: str = ""
    decided_name: str = ""
    decided_at: str = ""
    """UTC, ISO 8601; empty while it is open."""
    note: str = ""
    """Why it was decided so."""
    problem: Problem | None = None


class AppealAsk(Document):
    """Asks for one appeal by its id, or, with an empty id, for a page of them, newest first."""

    decision_id: str = ""
    state: str = ""
    """An `AppealState`; empty: all."""
    limit: int = 50
    offset: int = 0
    by: str = ""
    by_name: str = ""
    role: str = ""


class WebhookDelivery(Document):
    """A message to the webhook's receiver; its id, `msg_…`, is the one that the receiver sees."""

    event: str = ""
    """`decision.settled`, `decision.reopened`, `appeal.decided`, or `test`."""
    subject: str = ""
    """The decision that it is about."""
    state: str = "pending"
    """A `DeliveryState`: `pending`, `delivered`, or `dead` after the last attempt."""
    attempts: int = 0
    next_at: str = ""
    """When it is tried next. UTC, ISO 8601; empty when it is not."""
    status: int = 0
    """Of the last answer; 0 without one."""
    error: str = ""
    """Why the last attempt failed."""
    created_at: str = ""
    delivered_at: str = ""
    problem: Problem | None = None


class DeliveryAsk(Document):
    """Asks for deliveries, newest first: one by its id or a page; or, where it is sent to retry,
    for those to be tried anew: the id's, or all that are dead."""

    state: str = ""
    """A `DeliveryState`; empty: all."""
    limit: int = 50
    offset: int = 0
