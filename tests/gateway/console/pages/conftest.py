"""The console over the real library and ledger: one pair for the session's tests of pages, each of
which has its own people and what it puts in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
import pytest_asyncio

from executors.gateway.access.asgi import HttpGuard
from executors.gateway.access.authenticator import open_authenticator
from executors.gateway.access.store import KeyStore
from executors.gateway.caller import Scope
from executors.gateway.console.console import add_console
from executors.gateway.console.opening import open_console
from executors.gateway.door import Door
from executors.gateway.operations.api import Api
from executors.gateway.protocols.http import create_app
from executors.shared import room
from executors.shared.pictures import PictureStore
from executors.shared.policy import load_policy
from executors.shared.settings import AccessSettings
from tests.gateway.console.conftest import HTTPX, csrf_of
from tests.gateway.console.held import HeldRooms, settings_of


@dataclass
class Office:
    """A console with what it shows, and a browser for whoever has a key."""

    rooms: HeldRooms
    keys: KeyStore
    app: HttpGuard
    browsers: list[httpx.AsyncClient] = field(default_factory=list)

    async def browser(self, *scopes: Scope, name: str = "mei") -> httpx.AsyncClient:
        """That of a person with a new key of these scopes, signed in."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        made = httpx.AsyncClient(transport=transport, base_url="http://test/console", headers=HTTPX)
        self.browsers.append(made)
        key = self.keys.create(name, scopes)[1]
        answer = await made.post("/sign-in", data={"key": key})
        assert answer.status_code == 303, answer.text
        return made


async def send(
    browser: httpx.AsyncClient, path: str, page: str = "/policies", **data: str | list[str]
) -> httpx.Response:
    """A form of a page, with its token."""
    return await browser.post(path, data={**data, "csrf": await csrf_of(browser, page)})


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeldRooms]:
    with pytest.MonkeyPatch.context() as patch:
        # A room takes the process for its own; this process is pytest's.
        patch.setattr(room, "belong_to_supervisor", lambda: None, raising=False)
        made = HeldRooms(settings_of(tmp_path_factory.mktemp("held")))
        yield made
        made.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(rooms: HeldRooms) -> AsyncIterator[Office]:
    """For a module whose tests share its loop: `pytest.mark.asyncio(loop_scope="module")`."""
    access = AccessSettings(mode="required", poll_s=0.05)
    settings = rooms.settings.model_copy(update={"access": access})
    authenticator = open_authenticator(settings)
    assert authenticator is not None
    rooms.door = Door(None, authenticator)
    policy = load_policy(settings.policies)
    pictures = PictureStore(settings.pictures)
    api = Api(rooms, settings.gateway, lambda: policy, pictures)  # type: ignore[arg-type]
    console = open_console(settings, api, authenticator, lambda: policy)
    assert console is not None
    app = create_app(api, 10_000_000)
    add_console(app, console)
    keys = KeyStore(settings.database)
    guard = HttpGuard(app, authenticator, sessions=console.sessions)
    made = Office(rooms, keys, guard)
    await authenticator.start()
    yield made
    for browser in made.browsers:
        await browser.aclose()
    await authenticator.stop()
    console.close()
    keys.close()
