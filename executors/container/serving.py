"""One room or gateway in this process, until a signal says stop."""

from __future__ import annotations

import asyncio
import logging
import os
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from jina.excepts import PortAlreadyUsed
from jina.parsers.helper import _update_gateway_args
from jina.serve.runtimes.asyncio import AsyncNewLoopRuntime
from jina.serve.runtimes.gateway.request_handling import GatewayRequestHandler
from jina.serve.runtimes.worker.request_handling import WorkerRequestHandler

from adjudicate.errors import ConfigurationError
from executors.container.server import RoomServer
from executors.container.signals import STOPS, stop_at_once
from executors.shared.logs.secrets import secrets_of
from executors.shared.process import EX_CONFIG, refuse_start
from executors.shared.settings import Settings, load_settings
from executors.shared.telemetry.logs import close_logs, open_logs

GATEWAY = "gateway"
SAY_S = 15.0
"""Between two lines about what a start waits for."""

logger = logging.getLogger(__name__)


def serve(args: Namespace, unknown: Sequence[str] = ()) -> int:
    """Serve what Jina's command line describes. Returns the process's exit status.

    `unknown`: arguments that it does not describe.
    """
    room = GATEWAY if args.cli == GATEWAY else args.name
    try:
        settings = load_settings()
    except ConfigurationError as error:
        refuse_start(room, error)
    open_logs(settings.telemetry, room, secrets=secrets_of(settings))
    if unknown:
        logger.warning("these arguments are not known: %s", " ".join(unknown))
    try:
        return _serve(args, settings)
    finally:
        close_logs()


def _serve(args: Namespace, settings: Settings) -> int:
    args.port_monitoring = args.port_monitoring[0]
    if args.cli == GATEWAY:
        _update_gateway_args(args)
    else:
        args.host = args.host[0]
    try:
        runtime = Runtime(args, settings.supervisor.drain_s)
    except PortAlreadyUsed:
        ports = " or ".join(map(str, args.port))
        logger.critical("port %s is taken; stop what listens there or set another port.", ports)
        return EX_CONFIG
    except Exception:
        logger.critical("it cannot start", exc_info=True)
        return os.EX_SOFTWARE
    try:
        runtime.run_forever()
    except Exception:
        logger.critical("it cannot go on", exc_info=True)
        return os.EX_SOFTWARE
    finally:
        with suppress(OSError):  # a connection that the other side has closed meanwhile
            runtime.teardown()
    logger.info("stopped")
    return 0


class Runtime(AsyncNewLoopRuntime):
    """Jina's, for a process that a container's signals end."""

    def __init__(self, args: Namespace, drain_s: float) -> None:
        """`drain_s`: how long a stop waits for what is in flight in a room."""
        self._drain_s = drain_s
        is_gateway = args.cli == GATEWAY
        handler = GatewayRequestHandler if is_gateway else WorkerRequestHandler
        super().__init__(args, req_handler_cls=handler)

    async def async_setup(self) -> None:
        """Load everything, and as a gateway wait for the rooms: minutes, in which nothing is in
        flight that a signal would have to wait for."""
        for signum in STOPS:
            self._loop.remove_signal_handler(signum)
        stop_at_once()
        try:
            if self.req_handler_cls is GatewayRequestHandler:
                async with _saying("it waits for its rooms to answer"):
                    await super().async_setup()
            else:
                await super().async_setup()
        finally:
            for signum in STOPS:
                self._loop.add_signal_handler(signum, self.is_cancel.set)

    def _get_server(self) -> Any:
        if self.req_handler_cls is GatewayRequestHandler:
            return super()._get_server()
        return RoomServer(
            self._drain_s,
            name=self.args.name,
            runtime_args=self.args,
            req_handler_cls=self.req_handler_cls,
            grpc_server_options=self.args.grpc_server_options,
        )


@asynccontextmanager
async def _saying(what: str) -> AsyncIterator[None]:
    """Say so as long as it takes."""

    async def say() -> None:
        while True:
            await asyncio.sleep(SAY_S)
            logger.warning("%s", what)

    saying = asyncio.ensure_future(say())
    try:
        yield
    finally:
        saying.cancel()
