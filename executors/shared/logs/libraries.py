"""Has the loggers of libraries write as ours do."""

from __future__ import annotations

import logging
from typing import Any

from jina.logging.logger import JinaLogger, RichHandler


def take_over_jina() -> None:
    """Jina gives each of its loggers a handler that draws tables on standard output. From now on
    they hand their lines on, those that are there already and those to come.

    Their level stays Jina's own, `JINA_LOG_LEVEL`, and so do other handlers of a `JINA_LOG_CONFIG`.
    """
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger) and any(map(_draws, logger.handlers)):
            _hand_on(logger)
    if not hasattr(JinaLogger.add_handlers, "hands_on"):
        JinaLogger.add_handlers = _handing_on(JinaLogger.add_handlers)


def _handing_on(original: Any) -> Any:
    def add_handlers(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        _hand_on(self.logger)

    add_handlers.hands_on = True  # type: ignore[attr-defined]
    return add_handlers


def _hand_on(logger: logging.Logger) -> None:
    logger.handlers = [handler for handler in logger.handlers if not _draws(handler)]
    logger.propagate = True


def _draws(handler: logging.Handler) -> bool:
    return isinstance(handler, RichHandler) or type(handler) is logging.StreamHandler
