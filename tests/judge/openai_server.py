"""An OpenAI-compatible chat server on a free port, with a real Qwen2-VL behind it, and its faults.

It writes greedily, a token at a time, through transformers as they come: nothing of the judge's own
way with the model is in it. `response_format` and `guided_json` constrain what it writes; logprobs
are those of the model before the constraint, as vLLM gives them.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import io
import json
import math
import socket
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import llguidance.hf
import numpy as np
import torch
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from PIL import Image, ImageOps
from transformers import (
    AutoProcessor,
    LogitsProcessor,
    LogitsProcessorList,
    Qwen2VLForConditionalGeneration,
)

from executors.judge.model_config import read_model_config
from executors.shared.settings import load_settings

NAME = "small-judge"


@dataclass(frozen=True)
class Step:
    """A token that was written, and the likeliest in its place."""

    text: str
    logprob: float
    top: list[tuple[str, float]]


class Constraint(LogitsProcessor):
    """Bans what the JSON schema does not allow next, and all but the end when it is fulfilled."""

    def __init__(self, tokens: llguidance.LLTokenizer, schema: dict[str, Any]) -> None:
        spaced = {"whitespace_flexible": False, "key_separator": ": ", "item_separator": ", "}
        grammar = llguidance.LLMatcher.grammar_from_json_schema(
            json.dumps({**schema, "x-guidance": spaced})
        )
        self._matcher = llguidance.LLMatcher(tokens, grammar)
        self._started = False

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self._started:
            self._matcher.consume_token(int(input_ids[0, -1]))
        self._started = True
        mask = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        allowed = np.unpackbits(mask, bitorder="little")[: scores.shape[-1]]
        return scores.masked_fill(torch.from_numpy(allowed == 0), -math.inf)


class Writer:
    """The model. One caller at a time."""

    def __init__(self, folder: Path) -> None:
        torch.set_num_threads(1)
        self._processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
        self._model = Qwen2VLForConditionalGeneration.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True
        ).eval()
        self._config = read_model_config(folder)
        self._tokenizer = self._processor.tokenizer
        self._grammar_tokens = llguidance.hf.from_tokenizer(
            self._tokenizer, n_vocab=self._model.config.text_config.vocab_size
        )

    @torch.inference_mode()
    def write(
        self,
        chat: list[dict[str, Any]],
        images: list[Image.Image],
        schema: dict[str, Any] | None,
        most: int,
        top: int,
    ) -> list[Step]:
        text = self._processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        size = self._config.size
        inputs = self._processor(
            text=[text],
            images=[self._shaped(image) for image in images] or None,
            return_tensors="pt",
            **({"size": size.model_dump()} if size else {}),
        )
        constraint = [] if schema is None else [Constraint(self._grammar_tokens, schema)]
        self._model.model.rope_deltas = None
        output = self._model.generate(
            **inputs,
            max_new_tokens=most,
            do_sample=False,
            logits_processor=LogitsProcessorList(constraint),
            output_logits=True,
            return_dict_in_generate=True,
        )
        written = output.sequences[0, inputs["input_ids"].shape[1] :].tolist()
        steps = [
            self._step(token, logits[0].float().log_softmax(-1), top)
            for token, logits in zip(written, output.logits, strict=True)
        ]
        return steps[:-1] if written[-1] == self._tokenizer.eos_token_id else steps

    def _step(self, token: int, logprobs: torch.Tensor, top: int) -> Step:
        best = logprobs.topk(top)
        listed = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return Step(
            self._tokenizer.decode([token]),
            float(logprobs[token]),
            [(self._tokenizer.decode([one]), value) for one, value in listed],
        )

    def _shaped(self, image: Image.Image) -> Image.Image:
        if not self._config.square or image.width == image.height:
            return image
        side = max(image.size)
        ground = image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        return ImageOps.pad(image, (side, side), color=ground)  # type: ignore[arg-type]


@functools.cache
def shipped_writer() -> Writer:
    """The model that the settings name, by default the shipped one; loaded once."""
    return Writer(Path(load_settings().judge.model))


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Fault:
    """What happens to one request instead of an answer, or to its answer."""

    status: int = 0
    """An error with this status."""
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "out of order"
    slow_s: float = 0.0
    """Wait before anything else."""
    text: str | None = None
    """The model writes this."""
    body: str | None = None
    """The HTTP body, whatever was asked."""
    cut: bool = False
    """The connection ends in the middle of the answer."""


OK = Fault()


class ChatServer:
    """`with ChatServer(writer) as server:` serves on `server.url` until the end of the block."""

    def __init__(self, writer: Writer, key: str = "") -> None:
        self._writer = writer
        self._key = key
        self._one_at_a_time = threading.Lock()
        self.requests: list[dict[str, Any]] = []
        """The bodies of the chat requests so far."""
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        """When they came, `time.monotonic`."""
        self.most_at_once = 0
        self._at_once = 0
        self.hang_ups = 0
        """Clients that did not wait for their answer."""
        self.next: deque[Fault] = deque()
        """Of the requests to come, in order; then `fault` counts."""
        self.fault = OK
        self.gives_logprobs = True
        self.usage: dict[str, int] | None = None
        """What each answer says it cost."""
        self.refuses: set[str] = set()
        """Parameters that are answered with a 400."""
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        config = uvicorn.Config(self._app(), log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    def __enter__(self) -> ChatServer:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()
        self._socket.close()

    def _app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/v1/models")
        async def models() -> dict[str, Any]:
            return {"object": "list", "data": [{"id": NAME, "object": "model"}]}

        @app.post("/v1/chat/completions")
        async def completions(request: Request) -> Response:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            try:
                return await self._answer(request)
            finally:
                self._at_once -= 1

        return app

    async def _answer(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        self.times.append(time.monotonic())
        fault = self.next.popleft() if self.next else self.fault
        if fault.slow_s:
            await self._wait(request, fault.slow_s)
        if self._key and request.headers.get("authorization") != f"Bearer {self._key}":
            given = request.headers.get("authorization", "")
            return _error(401, f"wrong key: {given}")
        if fault.status:
            return _error(fault.status, fault.message, fault.headers)
        if fault.body is not None:
            return Response(fault.body, headers={"content-type": "text/html", **fault.headers})
        for parameter in sorted(self.refuses & set(body)):
            return _error(400, f"{parameter} is not supported")
        if body["model"] != NAME:
            return _error(404, f"there is no model {body['model']}")
        if fault.cut:
            return StreamingResponse(_half(), headers={"content-length": "1000"})
        steps = [Step(fault.text, 0.0, [])] if fault.text is not None else None
        steps = steps or await asyncio.to_thread(self._write, body)
        return JSONResponse(self._completion(body, steps))

    async def _wait(self, request: Request, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if await request.is_disconnected():
                self.hang_ups += 1
                return
            await asyncio.sleep(0.01)

    def _write(self, body: dict[str, Any]) -> list[Step]:
        images: list[Image.Image] = []
        chat = [
            {"role": message["role"], "content": _parts(message["content"], images)}
            for message in body["messages"]
        ]
        schema = body.get("guided_json")
        if "response_format" in body:
            schema = body["response_format"]["json_schema"]["schema"]
        top = body.get("top_logprobs", 0) if body.get("logprobs") else 0
        with self._one_at_a_time:
            return self._writer.write(chat, images, schema, body["max_tokens"], top)

    def _completion(self, body: dict[str, Any], steps: Sequence[Step]) -> dict[str, Any]:
        logprobs = None
        if body.get("logprobs") and self.gives_logprobs:
            logprobs = {
                "content": [
                    {
                        "token": step.text,
                        "logprob": step.logprob,
                        "bytes": list(step.text.encode()),
                        "top_logprobs": [
                            {"token": text, "logprob": value, "bytes": list(text.encode())}
                            for text, value in step.top
                        ],
                    }
                    for step in steps
                ]
            }
        full = len(steps) >= body["max_tokens"]
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": NAME,
            **({"usage": self.usage} if self.usage is not None else {}),
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "".join(s.text for s in steps)},
                    "logprobs": logprobs,
                    "finish_reason": "length" if full else "stop",
                }
            ],
        }


def _parts(content: Any, images: list[Image.Image]) -> list[dict[str, str]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    parts: list[dict[str, str]] = []
    for part in content:
        if part["type"] == "text":
            parts.append({"type": "text", "text": part["text"]})
            continue
        head, _, data = part["image_url"]["url"].partition(",")
        assert head in ("data:image/png;base64", "data:image/jpeg;base64")
        images.append(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
        parts.append({"type": "image"})
    return parts


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    body = {"error": {"message": message, "type": "error", "code": status}}
    return JSONResponse(body, status_code=status, headers=headers)


async def _half() -> AsyncIterator[bytes]:
    yield b'{"id": "chatcmpl-1", "choices": ['
