"""Embed the exemplars with another encoder, beside the one that serves.

It composes two rooms, as the Flow does: the encoder's model and the library's tables. The service
goes on with its own encoder; the new one counts when it has every exemplar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import Event

from pydantic import ValidationError
from sqlalchemy.exc import OperationalError

from adjudicate.documents import Exemplar
from adjudicate.errors import AdError, ConfigurationError
from executors.encoder.embedding import embed_together
from executors.encoder.model import load
from executors.encoder.prepare import Prepared, prepare
from executors.library.embeddings import EmbeddingStore, batches
from executors.library.store import ExemplarStore
from executors.shared.settings import EncoderSettings, load_settings


class RefusedError(Exception):
    """What would take the library out of service. The message says so in one sentence."""


class Reembedding:
    """The work for one encoder: what is missing, and the doing of it.

    What is done is on disk; stopped at any moment and begun again, it does what is left.
    """

    def __init__(self, database: str, changes: Mapping[str, str]) -> None:
        """`changes` of the encoder's settings, such as its model; an empty `database` is that of
        the settings. Raises `ConfigurationError` for a model or database that cannot be had."""
        settings = load_settings()
        self._settings = settings
        self._encoder = _changed(settings.encoder, changes)
        self._changes = dict(changes)
        self._store, self._embeddings = _open(database or settings.database)
        self._model = load(self._encoder)
        self.version = self._model.version
        self.total = self._embeddings.exemplars()
        self.missing = self.total - self._embeddings.counts().get(self.version, 0)

    def run(self, size: int) -> Iterator[tuple[int, list[str]]]:
        """Embed what is missing, `size` at a time; after each, how many were tried and a sentence
        for each that cannot be embedded.

        What is added meanwhile with the other encoder is embedded too.
        """
        for group in batches(self._embeddings, self.version, size):
            problems = self._embed(group)
            yield len(group), problems
        self.total = self._embeddings.exemplars()
        self.missing = self.total - self._embeddings.counts().get(self.version, 0)

    def follow(self, size: int, every_s: float, stop: Event) -> Iterator[tuple[int, list[str]]]:
        """As `run`, and then whatever is added, until `stop` is set.

        The table is looked at every `every_s` seconds. While the database is away it is asked
        again; what cannot be embedded is said once.
        """
        said: set[str] = set()
        seen = -1
        answers = True
        while not stop.is_set():
            try:
                now = self._store.version()
                for done, problems in self.run(size) if now != seen else ():
                    yield done - len(problems), [one for one in problems if one not in said]
                    said.update(problems)
                    if stop.is_set():
                        return
                # From before the pass: what came in during it is looked for once more.
                seen, answers = now, True
            except OperationalError as error:
                if answers:
                    why = str(error.orig or error).strip().partition("\n")[0]
                    yield 0, [f"the database does not answer, trying on: {why}"]
                answers = False
            stop.wait(every_s)

    def what_next(self) -> str:
        """What to switch on, now that nothing is missing."""
        if self.missing:
            return f"{self.missing} of {self.total} exemplars are still missing: run it again"
        names = {f"ADJUDICATE_ENCODER__{n.upper()}": v for n, v in self._changes.items()}
        lines = [f"encoder {self.version} has all {self.total} exemplars"]
        if names:
            settings = " ".join(f"{name}={value}" for name, value in names.items())
            lines.append(f"to serve with it, set {settings} and restart the encoder")
        lines.append("then measure its thresholds: adjudicate calibrate")
        return "\n".join(lines)

    def close(self) -> None:
        """End the connections to the database."""
        self._store.close()

    def _embed(self, group: list[Exemplar]) -> list[str]:
        ready: list[tuple[Exemplar, Prepared]] = []
        problems: list[str] = []
        for exemplar in group:
            try:
                limits = self._settings.images
                ready.append((exemplar, prepare(exemplar, self._model, limits, hashed=False)))
            except AdError as error:
                problems.append(f"{exemplar.id}: {error.detail}")
        embedded = embed_together(self._model, [work for _, work in ready])
        for (exemplar, _), (image, text) in zip(ready, embedded, strict=True):
            exemplar.image_embedding, exemplar.text_embedding = image, text
            exemplar.encoder_version = self.version
        self._embeddings.write([exemplar for exemplar, _ in ready])
        return problems


def encoder_counts(database: str = "") -> tuple[int, dict[str, int]]:
    """How many exemplars there are, and how many of them each encoder version has.

    Raises `ConfigurationError` for a database that cannot be opened.
    """
    store, embeddings = _open(database or load_settings().database)
    try:
        return embeddings.exemplars(), embeddings.counts()
    finally:
        store.close()


def drop_encoder(database: str, version: str, *, force: bool = False) -> int:
    """Delete the embeddings of one encoder version; how many there were.

    Raises `RefusedError` for a version that is not there, and, without `force`, for the only one
    that has every exemplar; `ConfigurationError` for a database that cannot be opened.
    """
    store, embeddings = _open(database or load_settings().database)
    try:
        counts, total = embeddings.counts(), embeddings.exemplars()
        if version not in counts:
            known = ", ".join(counts) or "none"
            raise RefusedError(f"There are no embeddings of {version!r}; there are: {known}.")
        others = [name for name, count in counts.items() if name != version and count == total]
        if not others and not force:
            raise RefusedError(
                f"No other encoder has every exemplar: ads of {version} would be refused."
            )
        return embeddings.drop(version)
    finally:
        store.close()


def _open(database: str) -> tuple[ExemplarStore, EmbeddingStore]:
    store = ExemplarStore(database)
    return store, EmbeddingStore(store.engine)


def _changed(settings: EncoderSettings, changes: Mapping[str, str]) -> EncoderSettings:
    given = dict(changes)
    if "model" in given:
        given.setdefault("pretrained", "")  # the tag of the settings goes with their model
    try:
        return EncoderSettings.model_validate({**settings.model_dump(), **given})
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"--{name}: {first['msg']}.") from None
