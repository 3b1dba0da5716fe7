"""The console over rooms of this process, asked as a browser asks."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from executors.gateway.access.asgi import HttpGuard
from executors.gateway.access.authenticator import Authenticator, open_authenticator
from executors.gateway.access.store import KeyStore
from executors.gateway.caller import Scope
from executors.gateway.console.console import Console, add_console
from executors.gateway.console.opening import open_console
from executors.gateway.door import Door
from executors.gateway.operations.api import Api
from executors.gateway.protocols.paths import Paths
from executors.shared.policy import Policy, load_policy
from executors.shared.settings import AccessSettings, Settings
from tests.gateway.console.rooms import ConsoleRooms
from tests.services.tables import fresh_sqlite

HTTPX = {"host": "test", "sec-fetch-site": "same-origin"}
_CSRF = re.compile(r'name="csrf" (?:content|value)="([^"]*)"')


@dataclass
class Desk:
    """A console with its keys, and a browser for each of them."""

    console: Console
    rooms: ConsoleRooms
    keys: KeyStore
    authenticator: Authenticator | None
    app: HttpGuard
    browsers: list[httpx.AsyncClient] = field(default_factory=list)

    def browser(self, **headers: str) -> httpx.AsyncClient:
        """One that has not signed in."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        made = httpx.AsyncClient(
            transport=transport, base_url="http://test/console", headers={**HTTPX, **headers}
        )
        self.browsers.append(made)
        return made

    def key(self, *scopes: Scope, name: str = "mei") -> str:
        return self.keys.create(name, scopes)[1]

    async def signed_in(self, *scopes: Scope, name: str = "mei") -> httpx.AsyncClient:
        """The browser of a person with a new key of these scopes."""
        browser = self.browser()
        answer = await browser.post("/sign-in", data={"key": self.key(*scopes, name=name)})
        assert answer.status_code == 303, answer.text
        return browser


async def csrf_of(browser: httpx.AsyncClient, path: str = "/queue") -> str:
    """What the forms of a page carry."""
    found = _CSRF.search((await browser.get(path)).text)
    assert found is not None
    return found[1]


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy(Settings().policies)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    access = AccessSettings(mode="required", poll_s=0.05)
    return Settings(database=fresh_sqlite(tmp_path / "console.db"), access=access)


@pytest_asyncio.fixture
async def desk(settings: Settings, policy: Policy) -> AsyncIterator[Desk]:
    authenticator = open_authenticator(settings)
    rooms = ConsoleRooms()
    rooms.door = Door(None, authenticator)
    api = Api(rooms, settings.gateway, lambda: policy)  # type: ignore[arg-type]
    console = open_console(settings, api, authenticator, lambda: policy)
    assert console is not None
    app = FastAPI()  # the routes of the API are not asked, and take most of an application's time
    app.add_middleware(Paths)
    add_console(app, console)
    guard = HttpGuard(app, authenticator, sessions=console.sessions)
    keys = KeyStore(settings.database)
    made = Desk(console, rooms, keys, authenticator, guard)
    assert authenticator is not None
    await authenticator.start()
    yield made
    for browser in made.browsers:
        await browser.aclose()
    await authenticator.stop()
    console.close()
    keys.close()
