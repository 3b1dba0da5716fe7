"""That an idle connection may be kept alive, and that a lost one is soon tried again."""

from __future__ import annotations

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


def test_a_channel_to_a_dead_room_tries_again_within_a_second() -> None:
    """gRPC's own waits grow to two minutes."""
    answer_pings()
    options = dict(get_server_side_grpc_options(None))
    assert options["grpc.initial_reconnect_backoff_ms"] <= 1_000
    assert options["grpc.max_reconnect_backoff_ms"] == 1_000
