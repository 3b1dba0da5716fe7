"""Which backend the settings ask for. Each is imported only when it is."""

from __future__ import annotations

from executors.judge.backend import Backend, OnBatch
from executors.shared.settings import JudgeSettings


def open_backend(settings: JudgeSettings, on_batch: OnBatch | None = None) -> Backend:
    """The judge's model in this process, or a client of the server that has it.

    `on_batch` is of no use with a server, which batches by itself. Raises `ConfigurationError`
    with what to set.
    """
    if settings.backend == "openai":
        from executors.judge.openai_backend import OpenAIBackend

        return OpenAIBackend(settings)
    from executors.judge.qwen.backend import QwenBackend

    return QwenBackend(settings, on_batch)
