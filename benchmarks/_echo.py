"""`python -m benchmarks._echo grpc|http PORT`: bare servers that send back what they get.

What carrying the bytes costs where nothing is done with them: grpc.aio without any protobuf, and
FastAPI on uvicorn with a route that reads the body, and one for a WebSocket's frames.
"""

from __future__ import annotations

import asyncio
import sys

import grpc
import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect

METHOD = "/echo.Echo/echo"
ROUTE = "/echo"
_LARGE = 256 * 1024 * 1024


async def serve_grpc(port: int) -> None:
    """Until the process is ended."""

    async def echo(body: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return body

    handler = grpc.method_handlers_generic_handler(
        "echo.Echo", {"echo": grpc.unary_unary_rpc_method_handler(echo)}
    )
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", _LARGE),
            ("grpc.max_send_message_length", _LARGE),
        ]
    )
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


def http_app() -> FastAPI:
    """Both routes."""
    app = FastAPI()

    @app.post(ROUTE)
    async def echo(request: Request) -> Response:
        return Response(await request.body(), media_type="application/json")

    @app.websocket(ROUTE)
    async def echo_frames(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except WebSocketDisconnect:
            return

    return app


if __name__ == "__main__":
    if sys.argv[1] == "grpc":
        asyncio.run(serve_grpc(int(sys.argv[2])))
    else:
        uvicorn.run(http_app(), port=int(sys.argv[2]), log_level="warning", ws_max_size=_LARGE)
