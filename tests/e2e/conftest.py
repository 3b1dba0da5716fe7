"""One real Flow for all of these tests, with the sample exemplars in its library."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from adjudicate import Ad, AsyncClient, Client, Exemplar
from models.render.wording import CAPTIONS
from tests.e2e.otlp import OtlpReceiver
from tests.e2e.pages import Pages
from tests.e2e.service import ROOT, Service
from tests.e2e.small import SmallFlow

SAMPLES = ROOT / "samples"
AUDIT_SHARE = 0.2
FETCH_HOST = "cdn.adjudicate.invalid"
"""The only host that the shared Flow fetches pictures from; it does not exist."""


def sample_rows() -> list[dict[str, str]]:
    """The rows of samples/manifest.csv."""
    with (SAMPLES / "manifest.csv").open(newline="", encoding="utf-8") as manifest:
        return list(csv.DictReader(manifest))


def sample_ad(row: dict[str, str]) -> Ad:
    """The ad of a row of the manifest."""
    return Ad(
        id=row["id"],
        image=(SAMPLES / row["file"]).read_bytes() if row["file"] else None,
        text=row["text"],
        advertiser=row["advertiser"],
        market=row["market"] or None,
        language=row["language"] or None,
        product=row["product"] or None,
    )


def plain_ads(count: int) -> list[Ad]:
    """Copy-only ads with nothing in them, all different: the small print of packages."""
    captions = [text for text in CAPTIONS if text.isascii()]
    pairs = itertools.permutations(captions, 2)
    return [
        Ad(id=f"plain-{n}", text=f"{one}. {other}.")
        for n, (one, other) in enumerate(itertools.islice(pairs, count))
    ]


def sample_exemplars() -> list[Exemplar]:
    """What samples/exemplars/ holds."""
    folder = SAMPLES / "exemplars"
    with (folder / "exemplars.csv").open(newline="", encoding="utf-8") as listing:
        return [
            Exemplar(
                image=(folder / row["file"]).read_bytes() if row["file"] else None,
                text=row["text"],
                category=row["category"],
                rule=row["rule"],
                severity=row["severity"],
                polarity=row["polarity"],
                note=row["note"],
            )
            for row in csv.DictReader(listing)
        ]


@pytest.fixture(scope="package")
def receiver() -> Iterator[OtlpReceiver]:
    """A collector that the shared Flow exports its traces to."""
    receiver = OtlpReceiver()
    receiver.start()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="package")
def pages() -> Iterator[Pages]:
    """Web pages; those of the origin `desk` may ask the shared Flow."""
    pages = Pages()
    pages.start()
    yield pages
    pages.stop()


@pytest.fixture(scope="package")
def service(
    tmp_path_factory: pytest.TempPathFactory, receiver: OtlpReceiver, pages: Pages
) -> Iterator[Service]:
    """The running Flow; its library holds the sample exemplars."""
    running = Service(
        tmp_path_factory.mktemp("service"),
        {
            "ADJUDICATE_TELEMETRY__OTLP_ENDPOINT": f"localhost:{receiver.port}",
            "ADJUDICATE_LIBRARY__AUDIT_SHARE": str(AUDIT_SHARE),
            "ADJUDICATE_GATEWAY__CORS_ORIGINS": pages.origin("desk"),
            "ADJUDICATE_FETCH__HOSTS": FETCH_HOST,
        },
    )
    running.start()
    try:
        running.wait_until_ready()
        with Client(running.urls["grpc"]) as client:
            added = client.library.add(sample_exemplars())
        assert not [exemplar.problem for exemplar in added if exemplar.problem]
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="package")
def _smalls() -> Iterator[list[SmallFlow]]:
    """The small Flows that were started; the last one may still run."""
    started: list[SmallFlow] = []
    yield started
    for flow in started:
        flow.running.__exit__(None, None, None)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, _smalls: list[SmallFlow]) -> SmallFlow:
    """The small Flow that modules share; another one where a test before has ended it."""
    if not _smalls or _smalls[-1].ended:
        flow = SmallFlow(tmp_path_factory.mktemp("small"))
        flow.running.__enter__()
        _smalls.append(flow)
    return _smalls[-1]


@pytest.fixture(params=["grpc", "http", "ws"])
def protocol(request: pytest.FixtureRequest) -> str:
    """Each of the three protocols in turn."""
    found: str = request.param
    return found


@pytest.fixture
async def client(service: Service, protocol: str) -> AsyncIterator[AsyncClient]:
    """A client of the shared Flow, over each protocol."""
    async with AsyncClient(service.urls[protocol]) as connected:
        yield connected


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """A plain picture in a format: `encoded("PNG", mode="LA", size=(64, 64))`."""

    def make(
        kind: str = "PNG", *, mode: str = "RGB", size: tuple[int, int] = (96, 64), **options: object
    ) -> bytes:
        buffer = io.BytesIO()
        Image.linear_gradient("L").resize(size).convert(mode).save(buffer, kind, **options)
        return buffer.getvalue()

    return make


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of the sample ads."""
    return SAMPLES
