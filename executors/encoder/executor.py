"""The encoder's door: ads and exemplars in, the same with their CLIP embeddings out."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any, ClassVar

from docarray import DocList
from jina import requests
from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import (
    GEN_AI_OPERATION_NAME,
    GEN_AI_REQUEST_MODEL,
)
from opentelemetry.util.types import AttributeValue

from adjudicate.content import content_hash
from adjudicate.documents import Ad, Candidate, Case, Exemplar, Problem, Ranking, RoomStatus
from adjudicate.errors import STATUS, AdError, Code
from executors.encoder.canary import CanaryVectors
from executors.encoder.embedding import Embedded, embed_together
from executors.encoder.model import load
from executors.encoder.prepare import Prepared, prepare
from executors.encoder.ranking import check, settle, spread, things
from executors.shared.batcher import SPENT, Batcher, Closed
from executors.shared.health.ad import canary_case
from executors.shared.health.checks import Check
from executors.shared.passes import OutOfMemory
from executors.shared.room import Room
from executors.shared.telemetry.catalogue import MODEL_LOAD_SECONDS, VERSION
from executors.shared.telemetry.instruments import versions
from executors.shared.telemetry.tracing import batch_span, inside

logger = logging.getLogger(__name__)

Document = Case | Exemplar | Candidate
Work = tuple[Prepared, str | None]
"""What the model is to do, and the trace that it is done for."""


LINGER_S = 0.01
"""From one batch to the next, if the next is not full: answers go out and requests come in."""


class Encoder(Room):
    """Decodes pictures that may be anything, and embeds them and their copy.

    Pictures are decoded in threads while the model is at work on those before them; whatever has
    come by then is its next batch, of many requests together. What is wrong with one document
    becomes its `problem`; the others of its batch go on.
    """

    room: ClassVar[str] = "encoder"

    def open(self) -> None:
        settings = self.settings.encoder
        started = time.perf_counter()
        self.model = load(settings)
        self._load_seconds = time.perf_counter() - started
        self.telemetry.metrics.watch(
            MODEL_LOAD_SECONDS, lambda: [(self._load_seconds, {"model": self.model.name})]
        )
        self.telemetry.metrics.watch(VERSION, lambda: versions(encoder=self.model.version))
        self._encoded = 0
        self._canary = CanaryVectors()
        self._coming = 0
        half = max(1, min(8, (os.cpu_count() or 1) // 2))
        self._decoders = ThreadPoolExecutor(settings.decode_threads or half, "decode")
        self._batcher: Batcher[Work, Embedded] = Batcher(
            self._embed,
            max_batch=self.model.max_batch,
            max_wait=settings.max_wait_ms / 1_000,
            coming=lambda: self._coming,
            linger=LINGER_S,
            # On a GPU the next batch goes up while this one is computed.
            workers=2 if self.model.device.type == "cuda" else 1,
            name="clip",
        )

    def shut(self) -> None:
        self._batcher.close()
        self._decoders.shutdown()
        super().shut()

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
                "encoded": self._encoded - self._canary.embedded,
                "images": counters.images,
                "texts": counters.texts,
                "images_per_pass": self.model.images_per_pass,
            },
        )

    async def try_canary(self) -> None:
        """Decode and embed the canary, in a batch with whatever ads there are."""
        case = canary_case()
        await self._encode_one(case, hashed=True)
        self._canary.check(case)

    def work_done(self) -> int:
        """Documents that the model has embedded."""
        return self._batcher.done

    def checks(self) -> Mapping[str, Check]:
        """The model, which is loaded once the room is open."""
        return {"model": lambda: f"{self.model.name} {self.model.version}"}

    @requests(on=["/review", "/search"])
    async def screen(self, docs: DocList[Ad], **kwargs: Any) -> DocList[Case]:
        """A case for each ad, in order, with its embeddings, hashes and the encoder's version.

        It comes without its picture: who asked has it, and few rooms read it.
        """
        return await self._cases(docs, hashed=True)

    @requests(on="/embed")
    async def embed(self, docs: DocList[Ad], **kwargs: Any) -> DocList[Case]:
        """As `screen`, without the hashes."""
        return await self._cases(docs, hashed=False)

    @requests(on="/hash")
    async def hash(self, docs: DocList[Ad], **kwargs: Any) -> DocList[Case]:
        """A case for each ad with the hashes of its picture; the model is not asked."""
        loop = asyncio.get_running_loop()
        cases = DocList[Case]([Case.of(ad) for ad in docs])
        for case in cases:
            found = await loop.run_in_executor(self._decoders, self._prepared, case, True)
            case.phash = found.phash if found is not None else ""
            case.image = None
        return cases

    @requests(on="/library/add")
    async def embed_exemplars(self, docs: DocList[Exemplar], **kwargs: Any) -> DocList[Exemplar]:
        """The exemplars with their embeddings, hash and the encoder's version."""
        await self._encode(docs, hashed=True)
        for exemplar in docs:
            exemplar.encoder_version = self.model.version
        return docs

    @requests(on=["/rank", "/classify"])
    async def rank(self, docs: DocList[Ranking], **kwargs: Any) -> DocList[Ranking]:
        """Each query's candidates with similarities and probabilities, the best first."""
        for ranking in docs:
            check(ranking)
        asked = things(docs)
        found = await asyncio.gather(*(self._embedded(thing.content) for thing in asked))
        embedded: dict[int, Embedded] = {}
        for thing, ready in zip(asked, found, strict=True):
            spread(thing)
            if ready is not None:
                embedded |= {id(part): ready[1] for part in thing.parts}
        for ranking in docs:
            settle(ranking, embedded, self.model.logit_scale, self.model.version)
        return docs

    async def _cases(self, ads: DocList[Ad], *, hashed: bool) -> DocList[Case]:
        started = time.perf_counter()
        cases = DocList[Case]([Case.of(ad) for ad in ads])
        await self._encode(cases, hashed=hashed)
        milliseconds = (time.perf_counter() - started) * 1_000
        for case in cases:
            case.image = None
            case.versions["encoder"] = self.model.version
            case.timings["encoder"] = milliseconds
        return cases

    async def _encode(self, docs: Sequence[Case | Exemplar], *, hashed: bool) -> None:
        await asyncio.gather(*(self._encode_one(document, hashed) for document in docs))

    async def _encode_one(self, document: Case | Exemplar, hashed: bool) -> None:
        spent: dict[str, float] = {}
        SPENT.set(spent)  # of this task alone: `gather` has made one for each document
        ready = await self._embedded(document, hashed=hashed)
        if ready is not None:
            prepared, (document.image_embedding, document.text_embedding) = ready
            document.phash = prepared.phash
        if isinstance(document, Case):
            document.timings |= {f"encoder.{part}": ms for part, ms in spent.items()}

    async def _embedded(
        self, document: Document, *, hashed: bool = False
    ) -> tuple[Prepared, Embedded] | None:
        """What the model says of a document; None if it has a problem, by now or before."""
        loop = asyncio.get_running_loop()
        self._coming += 1
        started = time.perf_counter()
        try:
            ready = await loop.run_in_executor(self._decoders, self._prepared, document, hashed)
        finally:
            self._coming -= 1
        if (spent := SPENT.get()) is not None:
            spent["decode"] = (time.perf_counter() - started) * 1_000
        if ready is None:
            self._batcher.wake()
            return None
        try:
            traceparent = inside(getattr(document, "traceparent", None))
            return ready, await self._batcher.submit((ready, traceparent))
        except OutOfMemory:
            detail = STATUS[Code.OUT_OF_MEMORY].title
            document.problem = Problem(code=Code.OUT_OF_MEMORY, detail=detail)
        except Closed:
            detail = STATUS[Code.SHUTTING_DOWN].title
            document.problem = Problem(code=Code.SHUTTING_DOWN, detail=detail)
        except Exception:
            self._fail(document)
        return None

    def _prepared(self, document: Document, hashed: bool) -> Prepared | None:
        """The document's work for the model; None if it has a problem, by now or before."""
        try:
            if isinstance(document, Case) and hashed:
                document.content_hash = content_hash(document.image, document.text)
                if document.image is not None:
                    document.picture = sha256(document.image).hexdigest()
            if document.problem is not None:
                return None
            return prepare(document, self.model, self.settings.images, hashed=hashed)
        except AdError as error:
            document.problem = Problem(code=error.code, detail=error.detail)
        except Exception:
            self._fail(document)
        return None

    def _embed(self, work: Sequence[Work]) -> list[Embedded]:
        traces = [trace for _, trace in work]
        with batch_span(f"embeddings {self.model.name}", traces, self._said_of(work)):
            embedded = embed_together(self.model, [prepared for prepared, _ in work])
        self._encoded += len(embedded)
        return embedded

    def _said_of(self, work: Sequence[Work]) -> dict[str, AttributeValue]:
        return {
            GEN_AI_OPERATION_NAME: "embeddings",
            GEN_AI_REQUEST_MODEL: self.model.name,
            "adjudicate.device": str(self.model.device),
            "adjudicate.batch.images": sum(prepared.pixels is not None for prepared, _ in work),
            "adjudicate.batch.texts": sum(len(prepared.windows) for prepared, _ in work),
        }

    def _fail(self, document: Document) -> None:
        logger.exception("document %s failed", document.id)
        document.problem = Problem(code=Code.INTERNAL, detail=STATUS[Code.INTERNAL].title)
