"""A service whose console people work at: the real Flow, which asks for a key.

Run as `python -m tests.browser.desk` it starts one and prints its address and keys, until Ctrl-C.
"""

from __future__ import annotations

import io
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image

from adjudicate import Ad, Client, Decision
from executors.gateway.access.store import KeyStore
from executors.gateway.caller import Scope
from tests.browser.receiver import Receiver
from tests.browser.seeding import long_queue
from tests.e2e.conftest import SAMPLES, sample_ad, sample_exemplars, sample_rows
from tests.e2e.service import Service

LONG_QUEUE = 10_000
PEOPLE = {
    "mei": Scope.CONSOLE,
    "omar": Scope.CONSOLE,
    "lena": Scope.LEAD,
    "ada": Scope.AUDIT,
    "root": Scope.ADMIN,
    "shop": Scope.REVIEW,
}
"""Who has a key: two reviewers, a lead, an auditor, an administrator, and a program."""
SECRET = "whsec_" + "c2lnbnMgd2hhdCB0aGUgZGVzayB0ZWxscw=="
SCRIPTS = (
    '<script>window.ran = "script"</script>',
    '<img src="x" onerror="window.ran = \'error\'">',
    '"><svg onload=window.ran=1>',
    "{{ 7 * 7 }} javascript:window.ran=1 ${window.ran=1}",
)


class Desk(Service):
    """Escalates every ad that is flagged, so that there is work."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        super().__init__(
            folder,
            {
                "ADJUDICATE_ACCESS__MODE": "required",
                "ADJUDICATE_ACCESS__POLL_S": "0.2",
                "ADJUDICATE_DECISION__REJECT": "1",
                "ADJUDICATE_DECISION__APPROVE": "0",
                "ADJUDICATE_LIBRARY__AUDIT_SHARE": "0",
                "ADJUDICATE_PICTURES": str(folder / "pictures"),
                "ADJUDICATE_WEBHOOK__URL": receiver.url,
                "ADJUDICATE_WEBHOOK__SECRET": SECRET,
            },
        )
        self.receiver = receiver
        self.keys = self._made_keys()
        long_queue(self._settings["ADJUDICATE_DATABASE"], LONG_QUEUE)

    def _made_keys(self) -> dict[str, str]:
        store = KeyStore(self._settings["ADJUDICATE_DATABASE"])
        try:
            return {name: store.create(name, [scope])[1] for name, scope in PEOPLE.items()}
        finally:
            store.close()

    @property
    def origin(self) -> str:
        """Where the console is."""
        return self.urls["http"]

    def fill(self) -> None:
        """The library, and the sample ads: those that are flagged wait for a person."""
        with Client(self.urls["grpc"], api_key=self.keys["root"], timeout=300) as client:
            added = client.library.add(sample_exemplars())
        assert not [exemplar.problem for exemplar in added if exemplar.problem]
        self.review([sample_ad(row) for row in sample_rows()])

    def review(self, ads: Sequence[Ad]) -> list[Decision]:
        """As the program does."""
        with Client(self.urls["grpc"], api_key=self.keys["shop"], timeout=300) as client:
            return list(client.review(ads))

    def ask(self, who: str, method: str, path: str, **body: object) -> httpx.Response:
        """A route of the API, as one of `PEOPLE`."""
        return httpx.request(
            method,
            f"{self.origin}{path}",
            headers={"Authorization": f"Bearer {self.keys[who]}"},
            json=body or None,
            timeout=60,
        )

    def decision(self, decision_or_ad_id: str) -> dict[str, object]:
        """As anybody reads it who may review."""
        answer = self.ask("shop", "GET", f"/v1/decisions/{decision_or_ad_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found


def copied(file: str) -> bytes:
    """A sample ad's picture as a platform would hand it on: smaller, and a JPEG once more."""
    with Image.open(SAMPLES / file) as picture:
        made = picture.convert("RGB").resize((picture.width * 4 // 5, picture.height * 4 // 5))
    buffer = io.BytesIO()
    made.save(buffer, "JPEG", quality=70)
    return buffer.getvalue()


@contextmanager
def running_desk(folder: Path) -> Iterator[Desk]:
    """A desk that is filled; ended at the end."""
    receiver = Receiver()
    receiver.start()
    desk = Desk(folder, receiver)
    desk.start()
    try:
        desk.wait_until_ready()
        desk.fill()
        yield desk
    finally:
        desk.stop()
        receiver.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, running_desk(Path(place)) as running:
        print(f"{running.origin}/console", *running.keys.items(), sep="\n", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
