"""A collector of telemetry: `python -m benchmarks._collector KIND PORT`.

`healthy` takes every export, `slow` takes the connection and never says a word, `wrong` answers as
a web server does. One that is `down` is none at all.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import create_server

import grpc

KINDS = ("healthy", "slow", "wrong")


class _Takes(grpc.GenericRpcHandler):
    """Any export: an empty message is OTLP's full success."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")


def serve(kind: str, port: int) -> None:
    """Until the process ends."""
    if kind == "healthy":
        server = grpc.server(ThreadPoolExecutor(2), [_Takes()])
        server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        server.wait_for_termination()
    elif kind == "wrong":
        ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler).serve_forever()
    else:
        listener = create_server(("127.0.0.1", port))
        kept = []
        while True:
            kept.append(listener.accept())


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
