"""Pictures of the console for the docs, `make screenshots`: `python -m tests.browser.screenshots`.

They show the data of the last `make demo`, in a copy: a reviewer settles some cases, a lead decides
an appeal, and then each page is drawn.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from PIL import Image

from adjudicate import Ad, Client
from adjudicate.demo import OUT
from adjudicate.demo.kept import Kept
from executors.gateway.access.store import KeyStore
from executors.gateway.caller import Scope
from tests.e2e.service import ROOT, Service
from tests.services.browser import DESK, PHONE, Driver, Theme, Visit, driven

FOLDER = ROOT / "docs" / "images"
PEOPLE = {"Mei": Scope.CONSOLE, "Lena": Scope.LEAD, "Root": Scope.ADMIN, "Shop": Scope.REVIEW}
COLOURS = 256
CAMPAIGN = "winter-campaign"
ANSWERS = ("v", "c", "v", "v")
"""By which some cases are settled before pictures are taken."""


@dataclass(frozen=True)
class Shot:
    """A picture: its name, whose page it is, and where."""

    name: str
    path: str
    who: str = "Lena"
    theme: Theme = "light"
    language: str = "en"
    size: tuple[int, int] = DESK


SHOTS = (
    Shot("sign-in", "/console/sign-in", who=""),
    Shot("queue", "/console/queue", who="Mei"),
    Shot("case", "case", who="Mei"),
    Shot("case-dark", "case", who="Mei", theme="dark"),
    Shot("case-zh", "case", who="Mei", language="zh"),
    Shot("case-phone", "case", who="Mei", size=PHONE),
    Shot("library", "/console/library"),
    Shot("thresholds", "/console/thresholds"),
    Shot("search", "/console/search?text=diabetes"),
    Shot("overview", "/console/overview"),
    Shot("overview-dark", "/console/overview", theme="dark"),
    Shot("quality", "/console/quality"),
    Shot("policies", "/console/policies"),
    Shot("appeals", "/console/appeals?state=overturned"),
    Shot("audit", "/console/audit", who="Root"),
    Shot("queue-phone", "/console/queue", who="Mei", size=PHONE, theme="dark"),
)


class Copied(Service):
    """The service on a copy of the demo's data, which asks for a key."""

    def __init__(self, folder: Path, demo: Kept) -> None:
        database = folder / "demo.db"
        with (
            closing(sqlite3.connect(demo.database)) as source,
            closing(sqlite3.connect(database)) as copy,
        ):
            source.backup(copy)
        shutil.copytree(demo.pictures, folder / "pictures")
        settings = {
            "ADJUDICATE_DATABASE": f"sqlite:///{database}",
            "ADJUDICATE_PICTURES": str(folder / "pictures"),
            "ADJUDICATE_ACCESS__MODE": "required",
            "ADJUDICATE_DECISION__REJECT": "1",  # what is flagged now waits for a person
        }
        super().__init__(folder, settings)
        store = KeyStore(settings["ADJUDICATE_DATABASE"])
        try:
            self.keys = {name: store.create(name, [scope])[1] for name, scope in PEOPLE.items()}
        finally:
            store.close()

    @property
    def origin(self) -> str:
        return self.urls["http"]


@contextmanager
def copied(demo: Kept) -> Iterator[Copied]:
    """Running, and ended at the end."""
    with tempfile.TemporaryDirectory(prefix="adjudicate-shots-") as place:
        service = Copied(Path(place), demo)
        service.start()
        try:
            service.wait_until_ready()
            yield service
        finally:
            service.stop()


def borrow(service: Copied) -> None:
    """Send an ad whose picture is a piece of a known violation's: alike, and no copy."""
    with Image.open(ROOT / "samples" / "exemplars" / "weight-loss-3-1.jpg") as known:
        piece = known.convert("RGB").crop((*(side // 25 for side in known.size), *known.size))
    buffer = io.BytesIO()
    piece.save(buffer, "JPEG", quality=90)
    ad = Ad(
        id=CAMPAIGN,
        image=buffer.getvalue(),
        text="Winter is here! Lose weight, no diet. See our website.",
        advertiser="Lumena",
        market="US",
        language="en",
        product="food",
    )
    with Client(service.urls["grpc"], api_key=service.keys["Shop"], timeout=300) as client:
        client.review(ad)


def settle_some(service: Copied, driver: Driver) -> None:
    """A reviewer's work by keyboard, and an appeal that a lead overturns."""
    with driver.visit(service.origin) as mei:
        mei.sign_in(service.keys["Mei"])
        mei.go("/console/queue")
        mei.page.keyboard.press("n")
        settled = [_answer(mei, key) for key in ANSWERS]
    told = {"reason": "The picture is of the leaflet, which names every side effect."}
    asked = {"Authorization": f"Bearer {service.keys['Shop']}"}
    url = f"{service.origin}/v1/decisions/{settled[0]}/appeal"
    httpx.post(url, json=told, headers=asked, timeout=60).raise_for_status()
    with driver.visit(service.origin) as lena:
        lena.sign_in(service.keys["Lena"])
        lena.go(f"/console/cases/{settled[0]}")
        _answer(lena, "c")


def _answer(visit: Visit, key: str) -> str:
    visit.page.wait_for_selector("[data-can-answer][data-ready]")
    case = visit.page.locator("[data-case-id]").get_attribute("data-case-id") or ""
    with visit.page.expect_response(lambda answer: answer.request.method == "POST"):
        visit.page.keyboard.press(key)
    visit.page.wait_for_load_state("networkidle")
    return case


def take(service: Copied, driver: Driver, shot: Shot, folder: Path) -> Path:
    """Draw a page; the file."""
    with driver.visit(
        service.origin, theme=shot.theme, language=shot.language, size=shot.size
    ) as visit:
        if shot.who:
            visit.sign_in(service.keys[shot.who])
        path = _a_case(visit) if shot.path == "case" else shot.path
        visit.go(path)
        visit.page.wait_for_load_state("networkidle")
        data = visit.page.screenshot()
    file = folder / f"console-{shot.name}.png"
    with Image.open(io.BytesIO(data)) as picture:
        picture.convert("RGB").quantize(COLOURS).save(file, optimize=True)
    return file


def _a_case(visit: Visit) -> str:
    """One with a picture, and exemplars beside it."""
    visit.go("/console/queue")
    rows = visit.page.locator("[data-case]:has(img)")
    borrowed = rows.filter(has_text=CAMPAIGN)
    row = (borrowed if borrowed.count() else rows).first
    return f"/console/cases/{row.get_attribute('data-case')}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=OUT, help="the folder of `adjudicate demo`")
    parser.add_argument("--to", type=Path, default=FOLDER)
    told = parser.parse_args()
    demo = Kept(told.demo)
    if not demo.database.is_file():
        parser.error(f"there is no {demo.database}: run `make demo` first")
    told.to.mkdir(parents=True, exist_ok=True)
    with copied(demo) as service, driven() as driver:
        settle_some(service, driver)
        borrow(service)
        for shot in SHOTS:
            print(take(service, driver, shot, told.to), flush=True)


if __name__ == "__main__":
    main()
