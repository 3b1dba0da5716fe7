"""The gateway's door: one process that speaks gRPC, HTTP and WebSocket over the same rooms."""

import asyncio
import logging
from typing import Any

from jina.serve.runtimes.gateway.gateway import BaseGateway
from jina.serve.runtimes.servers.composite import CompositeBaseServer

from adjudicate.errors import ConfigurationError
from executors.gateway.access.authenticator import HOW_TO_MAKE_A_KEY, open_authenticator
from executors.gateway.access.binding import bind_address
from executors.gateway.access.tls import open_tls
from executors.gateway.caller import OPEN
from executors.gateway.console.opening import open_console
from executors.gateway.door import Door
from executors.gateway.fetch.fetching import open_fetching
from executors.gateway.health.gateway import GatewayHealth
from executors.gateway.limits.callers import limits_of
from executors.gateway.limits.counting import watch_places
from executors.gateway.limits.draining import Draining
from executors.gateway.limits.streams import Streams
from executors.gateway.operations.api import Api
from executors.gateway.routing.endpoints import ROOMS
from executors.gateway.routing.names import Names
from executors.gateway.routing.rooms import Rooms
from executors.gateway.routing.sending import Sending
from executors.gateway.routing.settling import Settling
from executors.gateway.routing.walls import use_real_documents
from executors.gateway.servers import Edge
from executors.shared.packing import pack_once
from executors.shared.pictures import open_pictures
from executors.shared.pings import answer_pings
from executors.shared.policies import Policies
from executors.shared.process import (
    end_with_supervisor,
    keep_freed_memory,
    keep_what_is_loaded,
    refuse_start,
)
from executors.shared.settings import Settings, load_settings
from executors.shared.telemetry.opening import open_telemetry

logger = logging.getLogger(__name__)

answer_pings()
use_real_documents()
pack_once()


class AdGateway(CompositeBaseServer, BaseGateway):
    """Three servers, one `Rooms`."""

    def __init__(self, **kwargs: Any) -> None:
        end_with_supervisor()
        keep_freed_memory()
        super().__init__(**kwargs)
        try:
            settings = load_settings()
            self._telemetry = open_telemetry(settings, "gateway")
            self.runtime_args.host = bind_address(settings.access)
            self._edge, rooms = self._open(settings)
        except ConfigurationError as error:
            refuse_start("gateway", error)
        streams = Streams(rooms.answer, self._edge.limits)
        streams.take_over(self.streamer)
        drain_s = settings.supervisor.drain_s * 0.9
        self._draining = Draining(self._edge.limits, streams, drain_s)
        keep_what_is_loaded()
        self.servers = [self._edge.server(**each) for each in self._server_kwargs]

    def _open(self, settings: Settings) -> tuple[Edge, Rooms]:
        authenticator = open_authenticator(settings)
        limits = limits_of(settings.limits, settings.gateway)
        watch_places(limits)
        door = Door(None if authenticator else OPEN, authenticator, limits)
        patience = {"judge": settings.judge.timeout_s}
        rooms = Rooms(self.streamer, settings.gateway.max_ads, patience, door)
        rooms.fetching = open_fetching(settings)
        rooms.reports.samples = self._telemetry.samples
        pool, monitor = self.streamer._connection_pool, self._telemetry.monitor
        self._health = GatewayHealth(pool, ROOMS, settings.health, monitor)
        forget = self._health.replicas.forget
        self._names = Names(pool, ROOMS, settings.gateway.names_s, forget)
        self._sending = Sending(pool, self._names.refresh)
        rooms.health = self._health
        policies = Policies(settings.policies, settings.policy_poll_s)
        pictures = open_pictures(settings)
        rooms.keep_pictures(pictures, settings.keep_pictures)
        api = Api(rooms, settings.gateway, lambda: policies.current, pictures)
        rooms.settling = Settling(lambda: policies.current, api.learning.undone)
        tls = open_tls(settings.tls)
        console = open_console(settings, api, authenticator, lambda: policies.current)
        service = self._health.service
        return Edge(settings, api, limits, authenticator, tls, service, console), rooms

    async def setup_server(self) -> None:
        """Begin to follow who may ask, then listen."""
        authenticator = self._edge.authenticator
        if authenticator is not None:
            await authenticator.start()
            if authenticator.lets_nobody_in:
                logger.warning("%s", HOW_TO_MAKE_A_KEY)
        await self._names.start()
        await super().setup_server()
        self._health.start()

    async def shutdown(self) -> None:
        """Stop accepting, let what is in flight finish within a bound, then close."""
        await self._health.stop()
        await self._draining.drain(self.servers)
        await self._names.stop()
        await self._sending.stop()
        await super().shutdown()
        await self._edge.limits.close()
        if self._edge.authenticator is not None:
            await self._edge.authenticator.stop()
        if self._edge.console is not None:
            self._edge.console.close()
        await asyncio.to_thread(self._telemetry.close)
