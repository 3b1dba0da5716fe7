"""The encoder's door: ads and exemplars in, the same with their CLIP embeddings out."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, ClassVar

import numpy as np
from docarray import DocList
from jina import requests
from jina.serve.executors.decorators import dynamic_batching

from adjudicate.documents import Ad, Case, Exemplar, Problem, RoomStatus
from adjudicate.errors import STATUS, AdError, Code
from executors.encoder.batching import answer_empty_requests
from executors.encoder.model import Vectors, load
from executors.encoder.prepare import Prepared, prepare
from executors.shared.images import content_hash
from executors.shared.room import Room
from executors.shared.telemetry import batch_span

BATCH = 32
"""Documents; what waits is encoded at once when there are as many."""
WAIT_MS = 10
MOST = 2 * BATCH
"""Documents in one pass of the model, when several batches wait."""

logger = logging.getLogger(__name__)

answer_empty_requests()

Document = Case | Exemplar
Ready = tuple[Document, Prepared]


class Encoder(Room):
    """Decodes pictures that may be anything, and embeds them and their copy.

    Jina queues the documents of concurrent requests per endpoint and hands them over in batches.
    What is wrong with one document becomes its `problem`; the others of its batch go on.
    """

    room: ClassVar[str] = "encoder"

    def open(self) -> None:
        settings = self.settings.encoder
        self.model = load(settings)
        self._encoded = 0
        self._decoders = ThreadPoolExecutor(settings.decode_threads, "decode")
        # One thread: passes take turns anyway, and the next batch is decoded during this one's.
        self._passes = ThreadPoolExecutor(1, "clip")
        self._waiting: deque[list[Ready]] = deque()

    def close(self) -> None:
        self._decoders.shutdown()
        self._passes.shutdown()

    def describe(self) -> RoomStatus:
        counters = self.model.counters
        facts = {
            "version": self.model.version,
            "dimension": self.model.dimension,
            "context": self.model.context,
        }
        return RoomStatus(
            room=self.room,
            model=self.model.name,
            device=str(self.model.device),
            precision=self.model.precision,
            facts={name: str(fact) for name, fact in facts.items()},
            counters={
                "forward_passes": counters.forward_passes,
                "encoded": self._encoded,
                "images": counters.images,
                "texts": counters.texts,
            },
        )

    @dynamic_batching(preferred_batch_size=BATCH, timeout=WAIT_MS)
    @requests(on=["/review", "/embed", "/search"])
    async def screen(self, docs: DocList[Ad], **kwargs: Any) -> DocList[Case]:
        """A case for each ad, in order, with its embeddings, hashes and the encoder's version."""
        started = time.perf_counter()
        cases = DocList[Case]([Case.of(ad) for ad in docs])
        await self._encode(cases, (ad.traceparent for ad in docs))
        milliseconds = (time.perf_counter() - started) * 1000
        for case in cases:
            case.versions["encoder"] = self.model.version
            case.timings["encoder"] = milliseconds
        return cases

    @dynamic_batching(preferred_batch_size=BATCH, timeout=WAIT_MS)
    @requests(on="/library/add")
    async def embed_exemplars(self, docs: DocList[Exemplar], **kwargs: Any) -> DocList[Exemplar]:
        """The exemplars with their embeddings, hash and the encoder's version."""
        await self._encode(docs, ())
        for exemplar in docs:
            exemplar.encoder_version = self.model.version
        return docs

    async def _encode(self, docs: Sequence[Document], traces: Iterable[str | None]) -> None:
        loop = asyncio.get_running_loop()
        jobs = [loop.run_in_executor(self._decoders, self._prepared, document) for document in docs]
        prepared = await asyncio.gather(*jobs)
        ready = [(doc, work) for doc, work in zip(docs, prepared, strict=True) if work is not None]
        if ready:
            with batch_span(self.tracer, "encode", traces, {"batch.size": len(ready)}):
                self._waiting.append(ready)
                await loop.run_in_executor(self._passes, self._embed_waiting)

    def _prepared(self, document: Document) -> Prepared | None:
        """The document's work for the model; None if it has a problem, by now or before."""
        try:
            if isinstance(document, Case):
                document.content_hash = content_hash(document.image, document.text)
            if document.problem is not None:
                return None
            return prepare(document, self.model, self.settings.images)
        except AdError as error:
            document.problem = Problem(code=error.code, detail=error.detail)
        except Exception:
            self._fail(document)
        return None

    def _embed_waiting(self) -> None:
        """Embed together what came while the model was busy.

        Jina's queue hands a batch over when its time is up, however small. Every batch appends
        itself and then asks for a pass; a pass takes at least the oldest batch that waits, so by
        the end of its own pass each has been embedded.
        """
        ready: list[Ready] = []
        while self._waiting and len(ready) + len(self._waiting[0]) <= MOST:
            ready += self._waiting.popleft()
        if not ready and self._waiting:
            ready = self._waiting.popleft()
        if ready:
            self._embed(ready)

    def _embed(self, ready: list[Ready]) -> None:
        """Fill in the embeddings of a batch. If it fails, each document is tried alone."""
        try:
            self._embed_together(ready)
        except Exception:
            if len(ready) == 1:
                self._fail(ready[0][0])
                return
            logger.exception("a batch of %d failed; trying one by one", len(ready))
            for one in ready:
                self._embed([one])

    def _embed_together(self, ready: list[Ready]) -> None:
        pixels = [work.pixels for _, work in ready if work.pixels is not None]
        images = iter(self.model.encode_pixels(pixels))
        texts = self._embed_texts([work.windows for _, work in ready])
        vectors = [
            (next(images) if work.pixels is not None else None, text if len(text) else None)
            for (_, work), text in zip(ready, texts, strict=True)
        ]
        if not all(np.isfinite(v).all() for v in chain.from_iterable(vectors) if v is not None):
            raise FloatingPointError("an embedding is not finite")
        for (document, work), (image, text) in zip(ready, vectors, strict=True):
            document.image_embedding, document.text_embedding = image, text
            document.phash = work.phash
        self._encoded += len(ready)

    def _embed_texts(self, windows: list[list[str]]) -> list[Vectors]:
        """`[W, D]` for each copy. Windows that several copies share are encoded once."""
        rows = {text: row for row, text in enumerate(dict.fromkeys(chain.from_iterable(windows)))}
        vectors = self.model.encode_texts(list(rows))
        return [vectors[[rows[text] for text in copy]] for copy in windows]

    def _fail(self, document: Document) -> None:
        logger.exception("document %s failed", document.id)
        document.problem = Problem(code=Code.INTERNAL, detail=STATUS[Code.INTERNAL].title)
