"""That an idle connection may be kept alive."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from jina.serve import helper
from jina.serve.helper import get_server_side_grpc_options

from executors.shared.pings import answer_pings


def test_servers_allow_the_pings_that_clients_send() -> None:
    answer_pings()
    answer_pings()
    options = dict(get_server_side_grpc_options({"grpc.max_send_message_length": 5}))
    assert options["grpc.max_send_message_length"] == 5
    assert options["grpc.keepalive_permit_without_calls"]
    every = dict(helper.get_default_grpc_options())["grpc.keepalive_time_ms"]
    assert options["grpc.http2.min_ping_interval_without_data_ms"] < every
    assert not [name for name in options if "http1" in name]


@pytest.mark.slow
async def test_an_idle_connection_stays_open_for_more_pings_than_grpc_forgives() -> None:
    answer_pings()
    server = grpc.aio.server(options=get_server_side_grpc_options())
    port = server.add_insecure_port("localhost:0")
    await server.start()
    channel = grpc.aio.insecure_channel(
        f"localhost:{port}", options=helper.get_default_grpc_options()
    )
    await asyncio.wait_for(channel.channel_ready(), 30)
    ready = grpc.ChannelConnectivity.READY
    changed = asyncio.create_task(channel.wait_for_state_change(ready))
    done, _ = await asyncio.wait([changed], timeout=70)
    changed.cancel()
    await channel.close()
    await server.stop(None)
    assert not done
