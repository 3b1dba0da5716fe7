"""A wall around Jina 3.34's gRPC options: its servers close the connections that its clients keep.

Clients ping every 10 s to know that the other side lives. Jina means to allow that on its servers,
but writes the options' names with `http1` for `http2`, so gRPC ignores them, counts each ping of
an idle connection as a strike, and closes it with `too_many_pings`.
"""

from __future__ import annotations

from typing import Any

from jina.serve import helper

RECONNECT = {
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 1_000,
    "grpc.max_reconnect_backoff_ms": 1_000,
}
"""How long a channel waits before it tries again to connect. gRPC's own waits grow to two minutes,
in which a room that is back would not be asked. The second is also how long a try may take."""


def answer_pings() -> None:
    """Give Jina's options their right names, in this process."""
    wanted = helper.get_default_grpc_options
    if getattr(wanted, "named_rightly", False):
        return

    def options() -> list[tuple[str, Any]]:
        named = {name.replace("grpc.http1.", "grpc.http2."): value for name, value in wanted()}
        return [*(named | RECONNECT).items()]

    options.named_rightly = True  # type: ignore[attr-defined]
    helper.get_default_grpc_options = options
