"""One service and one browser for all of these tests; each person has cookies of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.browser.desk import Desk, running_desk
from tests.services.browser import Driver, Visit, driven
from tests.services.chromium import NoChromium

Person = Callable[..., Visit]


@pytest.fixture(scope="package")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The running service: its queue is long, and its library and pictures are the samples'."""
    with running_desk(tmp_path_factory.mktemp("desk")) as running:
        yield running


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    """A browser; skips where there is none. Of a module: Playwright's loop would be in the way of
    asynchronous tests."""
    try:
        with driven() as running:
            yield running
    except NoChromium as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def signed_in(desk: Desk, driver: Driver) -> Callable[[str], Any]:
    """The cookies of somebody of `PEOPLE`, who signs in once a module."""
    states: dict[str, Any] = {}

    def state(who: str) -> Any:
        if who not in states:
            with driver.visit(desk.origin) as visit:
                visit.sign_in(desk.keys[who])
                visit.page.wait_for_selector("main h1")
                assert visit.faults == []
                states[who] = visit.context.storage_state()
        return states[who]

    return state


@pytest.fixture
def person(desk: Desk, driver: Driver, signed_in: Callable[[str], Any]) -> Iterator[Person]:
    """`person("mei")` is a browser of hers, signed in; `person()` is a stranger's.

    At the end nothing may have gone wrong on any page: no error of a script, nothing that the CSP
    refused, no request to anywhere else."""
    visits: list[Visit] = []
    with ExitStack() as stack:

        def enter(who: str = "", **options: Any) -> Visit:
            state = signed_in(who) if who else None
            visit = stack.enter_context(driver.visit(desk.origin, state=state, **options))
            visits.append(visit)
            return visit

        yield enter
        assert [fault for visit in visits for fault in visit.faults] == []
