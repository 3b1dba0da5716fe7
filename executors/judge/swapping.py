"""A judge that can be exchanged for another while it serves."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from adjudicate.errors import Code, ConfigurationError, RequestError
from executors.judge.backend import ALWAYS, Backend, Opinion, Question
from executors.judge.models_file import Limits
from executors.judge.registry import Resolved, entries, no_such, prepare, resolve
from executors.judge.weights import weight_bytes
from executors.shared.settings import JudgeSettings

OPEN_SHARE = 1.2
"""Of the weights' bytes, what loading takes at its peak: the file's pages beside the tensors."""
WARM_S = 300.0
"""Seconds that the first question of a new model may take."""
_WARM_SIDE = 224

Open = Callable[[JudgeSettings], Backend]

logger = logging.getLogger(__name__)


class Serving:
    """A loaded model: the backend with the registry's name and version, and who still uses it."""

    def __init__(self, backend: Backend, resolved: Resolved, seconds: float) -> None:
        self._backend = backend
        self.name = resolved.name
        self.version = _version(backend, resolved)
        self.device = backend.device
        self.precision = backend.precision
        self.style = backend.style
        self.max_copy = backend.max_copy
        self.max_aspect = backend.max_aspect
        self.load_seconds = seconds
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def judge(self, question: Question, deadline: float | None = None) -> Opinion:
        """As `Backend`."""
        return await self._backend.judge(question, deadline)

    def facts(self) -> Mapping[str, str]:
        """As `Backend`."""
        return self._backend.facts()

    def counters(self) -> Mapping[str, int]:
        """As `Backend`."""
        return self._backend.counters()

    def close(self) -> None:
        """As `Backend`; a second time nothing."""
        backend = self.__dict__.pop("_backend", None)
        if backend is not None:
            backend.close()

    @contextmanager
    def used(self) -> Iterator[Serving]:
        """While inside, this model is not closed. Of the event loop's thread."""
        self._users += 1
        self._idle.clear()
        try:
            yield self
        finally:
            self._users -= 1
            if not self._users:
                self._idle.set()

    async def retire(self) -> None:
        """Close it, and give its memory back, once nobody uses it."""
        await self._idle.wait()
        await asyncio.to_thread(_closed, self)


class SwappingBackend:
    """A `Backend` whose model `load` exchanges without losing an ad.

    The new model is loaded in a thread and asked one question while the old one serves; then every
    new ad goes to it, and the old one finishes what it has begun before it is closed. Both are in
    memory meanwhile. A model that cannot be loaded changes nothing.
    """

    def __init__(self, open: Open, settings: JudgeSettings) -> None:
        """Load the settings' model. Raises `ConfigurationError` with what to set."""
        self._open = open
        self._settings = settings
        self.current = _opened(open, prepare(resolve(settings)))
        self.loading = ""
        """The model that is being loaded; empty when none is."""
        self.failure = ""
        """Why the last load failed; empty when it did not."""
        self._loads = self._failures = 0
        self._retiring: dict[asyncio.Task[None], Serving] = {}

    name = property(lambda self: self.current.name)
    version = property(lambda self: self.current.version)
    device = property(lambda self: self.current.device)
    precision = property(lambda self: self.current.precision)
    style = property(lambda self: self.current.style)
    max_copy = property(lambda self: self.current.max_copy)
    max_aspect = property(lambda self: self.current.max_aspect)

    @contextmanager
    def pinned(self) -> Iterator[Serving]:
        """One model for all that is asked about an ad: what it says carries that one's version."""
        with self.current.used() as serving:
            yield serving

    async def judge(self, question: Question, deadline: float | None = None) -> Opinion:
        """As `Backend`. Use `pinned` where the opinion's version matters."""
        with self.pinned() as serving:
            return await serving.judge(question, deadline)

    async def load(self, name: str) -> Serving:
        """Exchange the model for `name`, one of models.yml, which is read anew.

        A name that is not there is not found, whatever folder or hub name it may be: who can send
        a request cannot choose the files. Raises `RequestError` of code `not_found`, `model_busy`
        while another load is under way, or `model_refused` with one sentence where this one fails;
        the model before then serves on.
        """
        if self.loading or self._retiring:
            what = f"{self.loading} is being loaded" if self.loading else "the one before closes"
            raise RequestError(Code.MODEL_BUSY, f"{what}; try again when it is done")
        self.loading = name
        try:
            fresh = await self._loaded(name)
        except RequestError as error:
            self.failure = error.detail
            self._failures += 1
            raise
        finally:
            self.loading = ""
        self.failure = ""
        self._loads += 1
        before, self.current = self.current, fresh
        task = asyncio.ensure_future(before.retire())
        self._retiring[task] = before
        task.add_done_callback(self._retired)
        return fresh

    def facts(self) -> Mapping[str, str]:
        """The backend's, with how long its load took and what became of the last one."""
        said = {"load_seconds": f"{self.current.load_seconds:.1f}"}
        if self.loading:
            said["loading"] = self.loading
        if self.failure:
            said["load_failure"] = self.failure
        return {**self.current.facts(), **said}

    def counters(self) -> Mapping[str, int]:
        """The backend's, which begin anew with each model, and the loads."""
        loads = {"model_loads": self._loads, "model_load_failures": self._failures}
        return {**self.current.counters(), **loads}

    def close(self) -> None:
        """As `Backend`, for whatever is loaded."""
        for serving in (*self._retiring.values(), self.current):
            serving.close()

    async def _loaded(self, name: str) -> Serving:
        try:
            fresh = await asyncio.to_thread(self._prepared, name)
            await _warm(fresh)
        except RequestError:
            raise
        except ConfigurationError as error:
            raise RequestError(Code.MODEL_REFUSED, str(error)) from None
        except Exception as error:
            logger.exception("model %s could not be loaded", name)
            reason = (str(error).strip().splitlines() or [""])[0][:200]
            detail = f"{name} cannot be loaded: {type(error).__name__}: {reason}"
            raise RequestError(Code.MODEL_REFUSED, detail) from None
        return fresh

    def _prepared(self, name: str) -> Serving:
        known = entries(self._settings)
        if name not in known:
            detail = no_such(f"{name!r} is no model of {self._settings.models}", name, known)
            raise RequestError(Code.NOT_FOUND, detail)
        resolved = prepare(resolve(self._settings.model_copy(update={"model": name})))
        self._refuse_what_does_not_fit(resolved)
        return _opened(self._open, resolved)

    def _refuse_what_does_not_fit(self, resolved: Resolved) -> None:
        settings = resolved.settings
        if settings.backend != "transformers":
            return
        # Here, as a judge that asks a server has no PyTorch.
        import torch

        from executors.shared.memory import free_bytes

        precision = self.precision if settings.precision == "auto" else settings.precision
        weights = weight_bytes(Path(settings.model), precision, settings.quantization)
        free = free_bytes(torch.device(self.device))
        if weights * OPEN_SHARE > free:
            raise ConfigurationError(
                f"{resolved.name} needs {_giga(weights * OPEN_SHARE)} beside the model that serves,"
                f" and {_giga(free)} are free on {self.device}: start the judge anew with "
                "ADJUDICATE_JUDGE__MODEL, or set a smaller precision or quantization."
            )

    def _retired(self, task: asyncio.Task[None]) -> None:
        del self._retiring[task]
        if not task.cancelled() and (error := task.exception()):
            logger.error("the model before could not be closed: %s", error)


def _opened(open: Open, resolved: Resolved) -> Serving:
    started = time.perf_counter()
    backend = open(resolved.settings)
    return Serving(backend, resolved, time.perf_counter() - started)


async def _warm(serving: Serving) -> None:
    """Ask one question about picture and copy, so that the first ad does not pay for it."""
    picture = Image.new("RGB", (_WARM_SIDE, _WARM_SIDE), "white")
    question = Question("any", "A cup of tea.", picture, (), explain_above=ALWAYS)
    try:
        await serving.judge(question, time.time() + WARM_S)
    except BaseException:
        await asyncio.to_thread(_closed, serving)
        raise


def _closed(serving: Serving) -> None:
    serving.close()
    gc.collect()
    if serving.device.startswith("cuda"):
        from executors.shared.memory import give_back

        give_back()


def _version(backend: Backend, resolved: Resolved) -> str:
    """The backend's, and another one where settings or the entry change what its weights say."""
    limits = resolved.entry.limits if resolved.entry else Limits()
    settings = resolved.settings
    changed = (settings.temperature, settings.max_new_tokens, limits.max_pixels)
    if changed == (None, None, None) and settings.quantization == "none":
        return backend.version
    said = f"{backend.version} {changed} {settings.quantization}"
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _giga(size: float) -> str:
    return f"{size / 1e9:.2g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"
