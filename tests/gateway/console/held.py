"""The real library and the real ledger in this process, behind the console; and an encoder that
knows pictures by their grey cells and texts by their letters."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from docarray import DocList
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from adjudicate import Finding
from adjudicate.documents import Case, Decision, Match
from adjudicate.errors import AdError
from executors.gateway.access.store import KeyStore
from executors.gateway.caller import CALLER, OPEN, Caller
from executors.gateway.door import Door
from executors.gateway.routing.endpoints import DIRECT
from executors.gateway.routing.signing import MOST_NAME, SIGNED, role_of
from executors.ledger.executor import Ledger
from executors.library.checks import problem_of
from executors.library.executor import Library
from executors.shared.images import decode
from executors.shared.perceptual_hash import perceptual_hash
from executors.shared.pictures import PictureStore
from executors.shared.settings import LibrarySettings, Settings
from tests.services.tables import fresh_sqlite

ENCODER = "grey-cells"
SIDE = 16
DIMENSION = SIDE * SIDE


class HeldRooms:
    """What `Rooms` is to the gateway, over rooms that are opened on `settings.database`."""

    def __init__(self, settings: Settings) -> None:
        self.door = Door(OPEN)
        self.health = None
        self.fetching = None
        self.settings = settings
        self.library = Library(settings=settings)
        self.ledger = Ledger(settings=settings)

    async def post(
        self, endpoint: str, docs: Any, answers: Any, *, parameters: Any = None, room: str = ""
    ) -> Any:
        """As `Rooms.post`."""
        async with self.door.enter(endpoint, len(docs)):
            if endpoint in SIGNED:
                _sign(docs, CALLER.get() or OPEN)
            for name in DIRECT[endpoint]:
                if name == "encoder":
                    docs = self._encoded(docs, endpoint)
                else:
                    docs = await _ask(getattr(self, name), endpoint, docs, parameters or {})
            return DocList[answers](docs)

    async def note(self, what: str, subject: str, facts: Any) -> None:
        """As `Rooms.note`; what is noted has its own tests."""

    def decide(self, *cases: Case) -> list[Decision]:
        """Cases as the library screened and the judge judged them, decided and recorded."""
        return self.ledger._recorder.settle(cases)

    def close(self) -> None:
        """End both rooms."""
        self.library.close()
        self.ledger.close()

    def _encoded(self, docs: Any, endpoint: str) -> Any:
        if endpoint == "/hash":
            return DocList[Case]([self._hashed(ad) for ad in docs])
        for document in docs:
            document.encoder_version = ENCODER
            if document.image is not None:
                picture = decode(bytes(document.image), self.settings.images)
                document.image_embedding = cells(picture)
                document.phash = perceptual_hash(picture)
            if document.text.strip():
                document.text_embedding = letters(document.text)[None]
        return docs

    def _hashed(self, ad: Any) -> Case:
        data = bytes(ad.image)
        try:
            picture = decode(data, self.settings.images)
        except AdError as error:
            return Case(problem=problem_of(error))
        return Case(picture=hashlib.sha256(data).hexdigest(), phash=perceptual_hash(picture))


def cells(picture: Image.Image) -> NDArray[np.float32]:
    """`[D] float32`, unit norm."""
    grey = np.asarray(picture.convert("L").resize((SIDE, SIDE)), np.float64).ravel()
    grey -= grey.mean()
    grey[0] += 1e-3  # a plain picture has a direction too
    return (grey / np.linalg.norm(grey)).astype(np.float32)


def letters(text: str) -> NDArray[np.float32]:
    """`[D] float32`, unit norm: texts of other letters are far from one another."""
    counts = np.zeros(DIMENSION)
    for at in range(len(text)):
        counts[int(hashlib.md5(text[at : at + 3].encode()).hexdigest()[:4], 16) % DIMENSION] += 1
    return (counts / np.linalg.norm(counts)).astype(np.float32)


def picture(words: str = "Cures all", ground: str = "white", quality: int = 90) -> bytes:
    """A JPEG with enough edges for a perceptual hash; of other words, another one."""
    image = Image.new("RGB", (320, 240), ground)
    draw = ImageDraw.Draw(image)
    seed = hashlib.sha256(words.encode()).digest()
    for at, byte in enumerate(seed):
        x, y = (at % 8) * 40, (at // 8) * 60
        draw.rectangle((x, y, x + 10 + byte % 30, y + 10 + byte % 50), fill=(byte, 255 - byte, 90))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def case_of(number: int, text: str, data: bytes | None = None, **fields: Any) -> Case:
    """An ad that the judge was not sure of: it is escalated."""
    given: dict[str, Any] = {
        "id": f"{number:032x}",
        "ad_id": f"ad-{number}",
        "text": text,
        "advertiser": f"Advertiser {number}",
        "market": "CN",
        "content_hash": f"{number:064x}",
        "flagged": True,
        "verdict": "violation",
        "probability": 0.5,
        "matches": DocList[Match]([Match(exemplar_id="", rule="CN-AL-16", signal="term")]),
        "findings": DocList[Finding]([Finding(rule="CN-AL-16", claim=text, verdict="violation")]),
    }
    if data is not None:
        given["picture"] = hashlib.sha256(data).hexdigest()
        given["phash"] = perceptual_hash(decode(data, Settings().images))
    return Case(**{**given, **fields})


def settings_of(folder: Path) -> Settings:
    """A database and a folder of pictures of its own."""
    thresholds = folder / "thresholds.yaml"
    thresholds.write_text(
        f"encoder: {ENCODER}\nimage: {{cure: 0.7, disease: 0.8}}\ntext: {{cure: 0.6}}\n"
        "image-text: {cure: off}\n",
        encoding="utf-8",
    )
    return Settings(
        database=fresh_sqlite(folder / "held.db"),
        pictures=str(folder / "pictures"),
        policy_poll_s=0,
        library=LibrarySettings(thresholds=thresholds, audit_share=0.0),
    )


def kept(settings: Settings, data: bytes) -> str:
    """The picture in the store; its hash."""
    return PictureStore(settings.pictures).put(data)


def keys_of(settings: Settings) -> KeyStore:
    """For the people who sign in."""
    return KeyStore(settings.database)


async def _ask(room: Any, endpoint: str, docs: Any, parameters: Any) -> Any:
    method = room.requests[endpoint]
    function = getattr(method, "fn", method)
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return await function(room, docs, parameters=parameters)


def _sign(docs: Any, caller: Caller) -> None:
    """As `sign` does it on packed documents."""
    said = SimpleNamespace(by=caller.id[:MOST_NAME], by_name=caller.name, role=role_of(caller))
    for document in docs:
        for name, value in vars(said).items():
            if name in type(document).model_fields:
                setattr(document, name, value)
