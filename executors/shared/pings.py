"""A wall around Jina 3.34's gRPC options: its servers close the connections that its clients keep.

Clients ping every 10 s to know that the other side lives. Jina means to allow that on its servers,
but writes the options' names with `http1` for `http2`, so gRPC ignores them, counts each ping of
an idle connection as a strike, and closes it with `too_many_pings`.
"""

from __future__ import annotations

from typing import Any

from jina.serve import helper


def answer_pings() -> None:
    """Give Jina's options their right names, in this process."""
    wanted = helper.get_default_grpc_options
    if getattr(wanted, "named_rightly", False):
        return

    def options() -> list[tuple[str, Any]]:
        return [(name.replace("grpc.http1.", "grpc.http2."), value) for name, value in wanted()]

    options.named_rightly = True  # type: ignore[attr-defined]
    helper.get_default_grpc_options = options
