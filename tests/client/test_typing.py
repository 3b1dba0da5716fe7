"""A type checker knows what a user's code gets, and finds what is wrong with it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CLIENT = Path(__file__).resolve().parents[2] / "client"

CODE = """
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from PIL import Image

from adjudicate import Ad, AdjudicateError, AsyncClient, Client, Decision, RateLimitError, ads_of


def failed(what: Decision | AdjudicateError) -> None:
    print(what)


with Client("https://ads.example", api_key="k", ca=Path("ca.pem"), on_error=failed) as client:
    for decision in client.review(Path("ads"), ordered=True):
        reveal_type(decision)  # adjudicate.documents.decisions.Decision
    decided = client.review_all([b"", "a.png", {}])
    reveal_type(decided)  # list[adjudicate.documents.decisions.Decision]
    client.review_all([Image.new("RGB", (1, 1)), Ad(text="x")])
    client.review_all(Image.new("RGB", (1, 1)))
    client.review_all(ads_of("ads", market="CN"))
    reveal_type(client.library.list(category="c"))  # list[adjudicate.documents.library.Exemplar]
    try:
        reveal_type(client.status())  # list[adjudicate.documents.rooms.RoomStatus]
    except RateLimitError as error:
        reveal_type(error.retry_after)  # float | None
    Client(retries="8")  # error: arg-type
    client.review_all(7)  # error: arg-type
    client.review_all(Ad(), order=True)  # error: call-arg


async def main() -> None:
    async def live() -> AsyncIterator[bytes]:
        yield b""

    async with AsyncClient(request_size=4) as client:
        async for decision in client.review(live()):
            reveal_type(decision)  # adjudicate.documents.decisions.Decision
        reveal_type(await client.decision("x"))  # adjudicate.documents.decisions.Decision


asyncio.run(main())
"""


@pytest.mark.slow
def test_a_users_code_is_checked_strictly(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(CODE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent", "code.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(CLIENT)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    said: dict[int, str] = {}
    for number, kind, text in re.findall(r"^code\.py:(\d+): (\w+): (.+)$", done.stdout, re.M):
        found = re.search(r'"(.+)"' if kind == "note" else r"\[([\w-]+)\]$", text)
        assert found, text
        said[int(number)] = found[1] if kind == "note" else f"error: {found[1]}"
    wanted = {
        number: line.partition("  # ")[2]
        for number, line in enumerate(CODE.splitlines(), 1)
        if "  # " in line
    }
    assert said == wanted, done.stdout
