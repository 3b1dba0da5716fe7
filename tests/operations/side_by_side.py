"""Two versions of the service behind one nginx, and clients that never stop."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from adjudicate import Ad, AsyncClient, Decision
from benchmarks._servers import free_ports
from executors.gateway.access.store import KeyStore
from executors.gateway.caller import Scope
from tests.e2e.service import UP, Service
from tests.services.nginx import Nginx

PROTOCOLS = ("grpc", "http", "ws")
PACE_S = 0.5
"""Between two requests of one client: the processes that start beside them need the CPU too."""
WAIT_S = 300
START_S = 900
MOVING = -1

SITE = """
{upstreams}
log_format versions '$upstream_addr $status';
server {{
    listen 127.0.0.1:{grpc} http2;
    client_max_body_size 0;
    location / {{ grpc_pass grpc://grpc; grpc_read_timeout 1h; }}
}}
server {{
    listen 127.0.0.1:{http};
    client_max_body_size 0;
    location / {{
        proxy_pass http://http;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_read_timeout 1h;
    }}
}}
server {{
    listen 127.0.0.1:{ws};
    location / {{
        proxy_pass http://ws;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
        proxy_read_timeout 1h;
    }}
}}
"""


class Version:
    """A service as one release with one set of models and rules has it."""

    def __init__(
        self, name: str, folder: Path, settings: Mapping[str, str], tree: Path | None = None
    ) -> None:
        """`tree`: where its flow.yml is, if it is not this release's."""
        self.name = name
        folder.mkdir(parents=True)
        command = UP if tree is None else (*UP, "--flow", str(tree / "flow.yml"))
        self.service = Service(folder, dict(settings), command)

    async def ready(self) -> None:
        """Wait until its rooms are, however busy the machine. Raises `AssertionError`."""
        self.service.start()
        async with asyncio.timeout(START_S):
            while not await asyncio.to_thread(self.service.healthy):
                assert self.service.process.poll() is None, self.service.output()
                await asyncio.sleep(0.3)

    def target(self, protocol: str) -> str:
        """Where it listens, as nginx names it."""
        return f"127.0.0.1:{self.service.urls[protocol].rpartition(':')[2]}"


class Target(Protocol):
    """What nginx can send requests to."""

    name: str

    def target(self, protocol: str) -> str:
        """Host and port."""
        ...


class Entrance:
    """nginx before the versions, each with its weight."""

    def __init__(self, nginx: Nginx, versions: Sequence[Target]) -> None:
        self._nginx = nginx
        self.versions = list(versions)
        self._ports = dict(zip(PROTOCOLS, free_ports(3), strict=True))
        self.urls = {p: f"{p}://127.0.0.1:{port}" for p, port in self._ports.items()}
        self._running = False

    def weigh(self, **weights: int) -> None:
        """Send each version its share of what comes from now on; 0 and those not named: nothing."""
        upstreams = "\n".join(
            f"upstream {protocol} {{ {' '.join(self._servers(protocol, weights))} }}"
            for protocol in PROTOCOLS
        )
        site = SITE.format(upstreams=upstreams, **self._ports)
        if self._running:
            self._nginx.reload(site)
        else:
            self._nginx.start(site)
            self._running = True

    def _servers(self, protocol: str, weights: Mapping[str, int]) -> Iterator[str]:
        for version in self.versions:
            if weights.get(version.name, 0):
                yield f"server {version.target(protocol)} weight={weights[version.name]};"


@dataclass(frozen=True)
class Answer:
    """One ad and what was decided of it."""

    protocol: str
    kind: str
    sent_in: int
    """The phase in which its request, and the one before on its connection, were sent and answered;
    `MOVING` where traffic was moved meanwhile."""
    decision: Decision

    @property
    def versions(self) -> dict[str, str]:
        return self.decision.versions


@dataclass
class Load:
    """Clients as users have them, on all three protocols, until told to stop."""

    urls: Mapping[str, str]
    key: str
    kinds: dict[str, Callable[[str], Ad]]
    """Makes an ad of this kind with an id."""
    phase: int = 0
    sent: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> Any:
        """At the end every request that has begun is answered; what failed is raised."""
        self._tasks = [
            # A client that stays connected, and one that comes anew each time.
            asyncio.create_task(self._review(protocol, lasting))
            for protocol in PROTOCOLS
            for lasting in (True, False)
        ]
        try:
            yield self
        finally:
            self._stop.set()
            await asyncio.gather(*self._tasks)

    async def until(self, enough: Callable[[list[Answer]], bool]) -> None:
        """Wait until the answers are enough. Raises `TimeoutError`, and what a client failed of."""
        async with asyncio.timeout(WAIT_S):
            while not enough(self.answers):
                for task in self._tasks:
                    if task.done():
                        task.result()
                async with self._more:
                    await asyncio.wait_for(self._more.wait(), WAIT_S)

    async def _review(self, protocol: str, lasting: bool) -> None:
        client, before = self._client(protocol), MOVING
        try:
            while not self._stop.is_set():
                before = await self._ask(client, protocol, before)
                if not lasting:
                    await client.close()
                await asyncio.sleep(PACE_S)
        finally:
            await client.close()
            async with self._more:
                self._more.notify_all()

    async def _ask(self, client: AsyncClient, protocol: str, before: int) -> int:
        """One request; the phase that it began in. `before` is that of the client's last one."""
        phase = self.phase
        made = [
            (kind, make(f"{protocol}-{kind}-{next(self._numbers)}"))
            for kind, make in list(self.kinds.items())
        ]
        self.sent += [str(ad.id) for _, ad in made]
        decisions = await client.review_all([ad for _, ad in made])
        assert [d.ad_id for d in decisions] == [ad.id for _, ad in made]
        sent_in = phase if before == phase == self.phase else MOVING
        async with self._more:
            self.answers += [
                Answer(protocol, kind, sent_in, decision)
                for (kind, _), decision in zip(made, decisions, strict=True)
            ]
            self._more.notify_all()
        return phase

    def _client(self, protocol: str) -> AsyncClient:
        return AsyncClient(self.urls[protocol], api_key=self.key)


def from_each_protocol(count: int, of: Callable[[Answer], bool]) -> Callable[[list[Answer]], bool]:
    """Whether each protocol has brought so many answers of this sort."""

    def enough(answers: list[Answer]) -> bool:
        found = Counter(answer.protocol for answer in answers if of(answer))
        return all(found[protocol] >= count for protocol in PROTOCOLS)

    return enough


def make_key(database: str) -> str:
    """An API key that every service on this database takes."""
    store = KeyStore(database)
    _, text = store.create("rehearsal", [Scope.ADMIN])
    store.close()
    return text


@contextmanager
def stopped_at_the_end(*versions: Version) -> Iterator[None]:
    """Whatever happens, no process is left."""
    try:
        yield
    finally:
        for version in versions:
            if version.service._process is not None:
                version.service.stop()


def log_lines(path: Path) -> list[dict[str, Any]]:
    """What a service has logged."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]
