"""The console before a long queue: how soon a page is there, and the next case after an answer.

Ten thousand cases, recorded by the ledger's own code; the real gateway, library and ledger in
processes of their own; Debian's Chromium, which asks for each page with an empty cache. What the
browser itself takes, on the same cores, is in its figures.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from benchmarks._noop_flow import NoopFlow
from benchmarks.rows import Row, row
from tests.browser.seeding import long_queue
from tests.services.browser import Driver, Visit, driven

CASES = 10_000
ASKED = 100
OPENED = 15
ANSWERED = 30
READY = "[data-can-answer][data-ready]"
PAGES = {
    "queue, first page": "/console/queue",
    "queue, last page": f"/console/queue?offset={CASES - 50}",
    "queue, one advertiser": "/console/queue?advertiser=Advertiser%2007",
    "queue, words in the copy": "/console/queue?text=diabetes",
    "a case": f"/console/cases/{CASES // 2:032x}",
}
_PAINTED = """() => performance.getEntriesByName("first-contentful-paint")[0].startTime"""


def run() -> list[Row]:
    """Fill a queue, open its pages, and clear cases by keyboard."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        began = time.perf_counter()
        long_queue(f"sqlite:///{folder / 'noop.db'}", CASES)
        rows = [
            row("cases recorded a second, by one ledger", CASES / (time.perf_counter() - began))
        ]
        with NoopFlow(folder) as flow:
            origin = flow.urls["http"]
            for name, path in PAGES.items():
                rows += _asked(name, f"{origin}{path}")
            with driven() as driver:
                rows += _opened(driver, origin)
                rows += _answered(driver, origin)
    return rows


def _asked(name: str, url: str) -> list[Row]:
    """What the service takes for the page alone, asked one after the other."""
    with httpx.Client(timeout=60) as client:

        def ask() -> None:
            client.get(url).raise_for_status()

        ask()
        times = [_ms(ask) for _ in range(ASKED)]
        size = len(client.get(url).content)
    return [
        row(f"{name}: served, p50", statistics.median(times), "ms"),
        row(f"{name}: served, p95", _p95(times), "ms", "<= 250"),
        row(f"{name}: bytes", size, "", "<= 100000"),
    ]


def _opened(driver: Driver, origin: str) -> list[Row]:
    """What a person waits for: from asking until something is drawn, and until all is there."""
    painted, loaded = [], []
    for _ in range(OPENED):
        with driver.visit(origin) as visit:
            began = time.perf_counter()
            visit.go(PAGES["queue, first page"])
            loaded.append((time.perf_counter() - began) * 1_000)
            painted.append(float(visit.page.evaluate(_PAINTED)))
    return [
        row("queue in a browser: first paint, p50", statistics.median(painted), "ms", "<= 1000"),
        row("queue in a browser: loaded, p50", statistics.median(loaded), "ms", "<= 1500"),
    ]


def _answered(driver: Driver, origin: str) -> list[Row]:
    """From the key that answers a case until the next one is on the screen."""
    with driver.visit(origin) as visit:
        visit.go(PAGES["queue, first page"])
        visit.page.keyboard.press("n")
        visit.page.wait_for_selector(READY)
        times = []
        for _ in range(ANSWERED):
            visit.page.wait_for_selector(READY)  # keys are not taken in a case's first moment
            times.append(_ms(lambda: _clear(visit)))
        if visit.faults:
            raise RuntimeError(f"the page failed: {visit.faults[0]}")
    return [
        row("next case after an answer, p50", statistics.median(times), "ms", "<= 500"),
        row("next case after an answer, p95", _p95(times), "ms"),
    ]


def _clear(visit: Visit) -> None:
    before = visit.page.locator("[data-case-id]").get_attribute("data-case-id")
    visit.page.keyboard.press("v")
    visit.page.wait_for_selector(f"[data-case-id]:not([data-case-id='{before}'])")


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1_000


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]
