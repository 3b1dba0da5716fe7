"""The room: what is wrong with one ad stays with it, and concurrent requests share passes."""

from __future__ import annotations

import asyncio
import io
import random
import socket
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from docarray import DocList
from jina import Client, Deployment
from PIL import Image

from adjudicate.content import content_hash
from adjudicate.documents import Ad, Case, Exemplar, Problem, RoomStatus
from adjudicate.errors import Code
from executors.encoder.executor import Encoder
from executors.encoder.model import ClipEncoder
from executors.shared.images import decode
from executors.shared.settings import ROOT, EncoderSettings, ImageLimits, Settings
from tests.encoder.random_clip import pictures

LIMITS = ImageLimits(max_text=200)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


FILES = [png(image) for image in pictures(8)]


@pytest.fixture(scope="module")
def room(small_folder: Path) -> Iterator[Encoder]:
    encoder = EncoderSettings(model=str(small_folder), precision="fp32", max_wait_ms=60_000)
    room = Encoder(settings=Settings(encoder=encoder, images=LIMITS))
    yield room
    room.close()


async def screened(room: Encoder, *ads: Ad) -> DocList[Case]:
    return await room.screen(docs=DocList[Ad](ads))


async def test_a_case_has_all_that_the_encoder_owes(room: Encoder, small: ClipEncoder) -> None:
    text = "Buy now! Cures diabetes in 7 days."
    ad = Ad(id="mine", image=FILES[0], text=text, advertiser="a", market="US")
    (case,) = await screened(room, ad)
    # The picture stays with who sent it: few rooms read it.
    assert (case.ad_id, case.image, case.text, case.market) == ("mine", None, text, "US")
    assert case.id != "mine"
    assert case.problem is None
    assert case.content_hash == content_hash(FILES[0], text)
    assert case.picture == sha256(FILES[0]).hexdigest()
    assert len(case.phash) == 64
    assert case.versions == {"encoder": small.version}
    assert case.timings["encoder"] > 0
    image = decode(FILES[0], LIMITS)
    assert np.allclose(case.image_embedding, small.encode_images([image])[0], atol=1e-5)
    texts = small.encode_texts(small.windows(text))
    assert case.text_embedding.shape == texts.shape == (3, small.dimension)
    assert np.allclose(case.text_embedding, texts, atol=1e-5)


async def test_an_ad_of_one_kind_has_one_kind_of_embedding(room: Encoder) -> None:
    picture, copy = await screened(room, Ad(image=FILES[0]), Ad(text="tea"))
    assert picture.image_embedding is not None
    assert picture.text_embedding is None
    assert copy.image_embedding is None
    assert copy.text_embedding is not None
    assert (copy.phash, copy.picture, len(copy.content_hash)) == ("", "", 64)


async def test_hashes_alone_ask_no_model(room: Encoder) -> None:
    (screened_case,) = await screened(room, Ad(image=FILES[0]))
    before = room.describe().counters["encoded"]
    ads = DocList[Ad]([Ad(id="a", image=FILES[0]), Ad(id="b", image=b"no image")])
    hashed, bad = await room.hash(docs=ads)
    assert (hashed.picture, hashed.phash) == (screened_case.picture, screened_case.phash)
    assert (hashed.ad_id, hashed.image, hashed.image_embedding) == ("a", None, None)
    assert bad.problem.code == Code.IMAGE_UNREADABLE
    assert room.describe().counters["encoded"] == before


@pytest.mark.parametrize(
    ("ad", "code"),
    [
        (Ad(), Code.AD_EMPTY),
        (Ad(text=" \u200b\n"), Code.AD_EMPTY),
        (Ad(image=b""), Code.IMAGE_EMPTY),
        (Ad(image=b"", text="tea"), Code.IMAGE_EMPTY),
        (Ad(url="https://example.com/a.png"), Code.URL_NOT_ALLOWED),
        (Ad(url="https://example.com/a.png", text="tea"), Code.URL_NOT_ALLOWED),
        (Ad(text="x" * 201), Code.TEXT_TOO_LONG),
        (Ad(image=b"no image", text="tea"), Code.IMAGE_UNREADABLE),
        (Ad(image=FILES[0][:-40], text="tea"), Code.IMAGE_TRUNCATED),
        (Ad(text="tea", problem=Problem(code="unknown_field", detail="x")), Code.UNKNOWN_FIELD),
    ],
)
async def test_what_is_wrong_with_one_ad_stays_with_it(room: Encoder, ad: Ad, code: Code) -> None:
    first, bad, last = await screened(room, Ad(text="tea"), ad, Ad(image=FILES[1]))
    assert bad.problem is not None
    assert bad.problem.code == code
    assert bad.problem.detail
    assert bad.image_embedding is None
    assert bad.text_embedding is None
    assert (first.problem, last.problem) == (None, None)
    assert first.text_embedding is not None
    assert last.image_embedding is not None


async def test_a_failure_while_preparing_is_that_ads_alone_and_holds_up_no_other(
    room: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch waits for what is being prepared, in this room up to a minute."""
    windows = room.model.windows

    def failing(text: str, **options: bool) -> list[str]:
        if "poison" in text:
            raise KeyError("unexpected")
        return windows(text, **options)

    monkeypatch.setattr(room.model, "windows", failing)
    async with asyncio.timeout(30):
        good, bad = await screened(room, Ad(text="tea"), Ad(text="poison"))
    assert bad.problem is not None
    assert bad.problem.code == Code.INTERNAL
    assert "unexpected" not in bad.problem.detail
    assert good.text_embedding is not None


@pytest.mark.parametrize("how", ["raises", "is not finite"])
async def test_a_failure_of_the_model_is_that_ads_alone(
    room: Encoder, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    encode = room.model.encode_pixels

    def failing(pixels: list[torch.Tensor]) -> Any:
        dark = [bool((p == 0).all()) for p in pixels]
        if how == "raises" and any(dark):
            raise RuntimeError("out of memory")
        vectors = encode(pixels)
        vectors[dark] = np.nan
        return vectors

    monkeypatch.setattr(room.model, "encode_pixels", failing)
    black = png(Image.new("RGB", (64, 64)))
    good, bad, text = await screened(room, Ad(image=FILES[0]), Ad(image=black), Ad(text="tea"))
    assert bad.problem is not None
    assert bad.problem.code == Code.INTERNAL
    assert bad.image_embedding is None
    assert good.image_embedding is not None
    assert text.text_embedding is not None


async def test_a_batch_is_one_pass_for_pictures_and_one_for_texts(room: Encoder) -> None:
    before = room.describe().counters["forward_passes"]
    await screened(room, *(Ad(image=file, text=f"tea {i}") for i, file in enumerate(FILES)))
    assert room.describe().counters["forward_passes"] == before + 2


async def test_equal_copies_are_encoded_once(room: Encoder) -> None:
    before = room.describe().counters["texts"]
    first, second = await screened(room, Ad(text="the same tea"), Ad(text="the same tea"))
    assert room.describe().counters["texts"] == before + 1
    assert np.array_equal(first.text_embedding, second.text_embedding)


async def test_exemplars_are_embedded_as_ads_are(room: Encoder) -> None:
    good = Exemplar(image=FILES[2], text="Cures diabetes. Buy now.", category="cure")
    empty = Exemplar(category="cure")
    docs = await room.embed_exemplars(docs=DocList[Exemplar]([good, empty]))
    (case,) = await screened(room, Ad(image=FILES[2], text="Cures diabetes. Buy now."))
    assert np.allclose(docs[0].image_embedding, case.image_embedding, atol=1e-5)
    # The ad's whole copy, then its sentences; the exemplar is one claim.
    assert np.allclose(docs[0].text_embedding, case.text_embedding[:1], atol=1e-5)
    assert len(case.text_embedding) == 3
    assert docs[0].phash == case.phash
    assert docs[0].encoder_version == case.versions["encoder"]
    assert docs[1].problem is not None
    assert docs[1].problem.code == Code.AD_EMPTY


class Served:
    """A running room, asked over gRPC."""

    def __init__(self, port: int) -> None:
        self.client = Client(port=port, asyncio=True)

    async def post(self, on: str, docs: DocList[Any], answer: type[Any]) -> Any:
        answers = DocList[answer]()
        async for part in self.client.post(
            on, inputs=docs, return_type=DocList[answer], request_size=max(1, len(docs))
        ):
            answers.extend(part)
        return answers

    async def counter(self, name: str) -> int:
        (status,) = await self.post("/status", DocList[RoomStatus]([ASK]), RoomStatus)
        return int(status.counters[name])


ASK = RoomStatus(room="encoder")


@pytest.fixture(scope="module")
def served(small_folder: Path) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ADJUDICATE_ENCODER__MODEL", str(small_folder))
        environment.setenv("ADJUDICATE_ENCODER__PRECISION", "fp32")
        config = str(ROOT / "executors" / "encoder" / "config.yml")
        with Deployment(uses=config, port=port):
            yield Served(port)


async def test_64_concurrent_requests_share_passes_and_get_their_own_results(
    served: Served, small: ClipEncoder
) -> None:
    ads = [Ad(id=f"ad-{i}", image=FILES[i % 8], text=f"tea number {i}") for i in range(64)]
    passes = await served.counter("forward_passes")
    encoded = await served.counter("encoded")
    answers = await asyncio.gather(*(served.post("/review", DocList[Ad]([ad]), Case) for ad in ads))
    assert await served.counter("encoded") == encoded + 64
    assert await served.counter("forward_passes") - passes <= 32
    expected = small.encode_texts([ad.text for ad in ads])
    for index, (ad, (case,)) in enumerate(zip(ads, answers, strict=True)):
        assert (case.ad_id, case.text) == (ad.id, ad.text)
        assert np.allclose(case.text_embedding, expected[[index]], atol=1e-5)


async def test_requests_of_many_sizes_keep_their_documents(served: Served) -> None:
    """Larger than a batch, and spread over several: each gets its own back, in order."""
    rng = random.Random(5)
    sizes = [rng.choice([1, 2, 5, 16, 31, 32, 33, 70]) for _ in range(24)]
    requests = [
        DocList[Ad](
            Ad(id=f"{r}-{i}", text="" if rng.random() < 0.1 else f"tea {r} {i}")
            for i in range(size)
        )
        for r, size in enumerate(sizes)
    ]
    answers = await asyncio.wait_for(
        asyncio.gather(*(served.post("/review", ads, Case) for ads in requests)), 60
    )
    for ads, cases in zip(requests, answers, strict=True):
        assert [case.ad_id for case in cases] == [ad.id for ad in ads]
        for ad, case in zip(ads, cases, strict=True):
            assert (case.problem is not None) == (ad.text == "")


@pytest.mark.parametrize(
    ("endpoint", "kind", "answer"),
    [("/review", Ad, Case), ("/search", Ad, Case), ("/library/add", Exemplar, Exemplar)],
)
async def test_a_request_without_documents_is_answered(
    served: Served, endpoint: str, kind: type[Any], answer: type[Any]
) -> None:
    got = await asyncio.wait_for(served.post(endpoint, DocList[kind](), answer), 10)
    assert len(got) == 0


async def test_no_bytes_and_no_image_stay_two_things_on_the_wire(served: Served) -> None:
    cases = await served.post(
        "/review", DocList[Ad]([Ad(image=b"", text="tea"), Ad(text="tea")]), Case
    )
    assert cases[0].problem.code == Code.IMAGE_EMPTY
    assert cases[1].problem is None


async def test_every_endpoint_of_the_room_embeds(served: Served) -> None:
    for endpoint in ("/review", "/embed", "/search"):
        (case,) = await served.post(endpoint, DocList[Ad]([Ad(text="tea")]), Case)
        assert case.text_embedding.shape[0] == 1
    exemplars = DocList[Exemplar]([Exemplar(text="tea")])
    (exemplar,) = await served.post("/library/add", exemplars, Exemplar)
    assert exemplar.encoder_version
