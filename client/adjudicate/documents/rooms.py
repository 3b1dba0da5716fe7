"""What a room is asked, and what it says of itself."""

from docarray import DocList
from pydantic import Field

from adjudicate.documents.problem import Problem
from adjudicate.wire import Document


class Lookup(Document):
    """Asks for one thing by its id, or, with an empty id, for a page of things."""

    found: bool = True
    problem: Problem | None = None


class ModelVersion(Document):
    """A model that the judge may be; its id is its name in models.yml."""

    source: str = ""
    state: str = ""
    """`serving`, `loading`, `here` (its files are), or `missing`."""
    version: str = ""
    """Of weights and calibration, as verdicts name it; empty for one that is not loaded."""
    load_seconds: float = 0.0
    files: int = 0
    """How many have a checksum that loading holds them to."""
    pid: int = 0
    """Process id of the replica that says so."""
    problem: Problem | None = None


class RoomReport(Document):
    """What one process tells for a report; it is asked by one that has only the window.

    A room that passes a request on to the next must take what it gives: hence one document.
    """

    window: str = ""
    """A duration such as `15m`, with one of the next two or neither."""
    since: str = ""
    until: str = ""
    """ISO 8601; UTC where no offset is named. In the answer, the window that it is about."""
    about: str = "process"
    """`process`: itself and its machine; `decisions`: what is recorded of them."""
    room: str = ""
    replica: int = 0
    content: str = ""
    """JSON: an `adjudicate.report.parts.Part`."""
    problem: Problem | None = None


class Canary(Document):
    """The deep check of one replica of a room: sent empty, and answered with what came of it."""

    room: str = ""
    replica: int = 0
    pid: int = 0
    result: str = "ok"
    """A `CanaryResult`."""
    detail: str = ""
    """Why it failed; empty otherwise."""
    outside: bool = False
    """What failed is not in the room, as a database that is down: a restart would not help."""
    milliseconds: float = 0.0


class ReplicaHealth(Document):
    """What the gateway knows of one replica of a room from its canaries, and its restarts."""

    replica: int = 0
    address: str = ""
    """Where the gateway reaches it: `host:port`."""
    state: str = "unknown"
    """A `ReplicaState`. `busy`: its canary waits behind work that goes on. `unknown`: none has come
    back yet."""
    last_canary: str = ""
    """When the last one came back or was given up: UTC, ISO 8601."""
    milliseconds: float = 0.0
    """It took so long."""
    failures: int = 0
    """In a row."""
    detail: str = ""
    """Why the last one failed."""
    restarts: int | None = 0
    """By the supervisor, since the service started. None: there is none, as on Kubernetes, which
    restarts and counts for itself."""
    restarted_at: str = ""
    """The last time: UTC, ISO 8601."""
    restart_reason: str = ""
    """A `RestartReason`; empty without one."""


class RoomStatus(Document):
    """What one room says about itself, and the gateway about its replicas."""

    room: str
    ready: bool = True
    model: str = ""
    device: str = ""
    precision: str = ""
    pid: int = 0
    """Process id on the room's machine."""
    facts: dict[str, str] = Field(default_factory=dict)
    """Versions and sizes, such as the number of exemplars."""
    counters: dict[str, int] = Field(default_factory=dict)
    """What the room has done since it started."""
    replicas: DocList[ReplicaHealth] = Field(default_factory=DocList[ReplicaHealth])
    """Empty where the deep check is off."""
