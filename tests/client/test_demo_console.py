"""`adjudicate demo --serve`: the service again, on what the last demo has left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adjudicate.demo import OUT, console_command
from adjudicate.demo.kept import Kept
from adjudicate.demo.serving import serve
from adjudicate.errors import ConfigurationError, ServiceError
from tests.client.test_demo import service_command

WAIT_S = 60.0
_SERVING = """
import sys
from pathlib import Path
from adjudicate.demo.serving import serve
raise SystemExit(serve(Path(sys.argv[1]), command=sys.argv[2:]))
"""


def left_by_a_demo(folder: Path) -> Kept:
    kept = Kept(folder)
    kept.database.write_bytes(b"decisions")
    (kept.pictures / "ab").mkdir(parents=True)
    (kept.pictures / "ab" / "picture").write_bytes(b"picture")
    return kept


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_console_runs_on_the_demos_data_until_it_is_stopped(
    tmp_path: Path, signum: signal.Signals
) -> None:
    kept = left_by_a_demo(tmp_path)
    told = 'os.environ["ADJUDICATE_DATABASE"], os.environ["ADJUDICATE_PICTURES"]'
    command = service_command(f'print("on", {told}, flush=True)')
    serving = subprocess.Popen(
        [sys.executable, "-c", _SERVING, str(tmp_path), *command],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    try:
        assert serving.stdout is not None
        until = time.monotonic() + WAIT_S
        while "/console" not in (line := serving.stdout.readline()):
            assert line
            assert time.monotonic() < until
        assert "http://localhost:" in line
        serving.send_signal(signum)
        assert serving.wait(WAIT_S) == 0
    finally:
        serving.kill()
    assert kept.database.read_bytes() == b"decisions"
    assert (kept.pictures / "ab" / "picture").is_file()
    log = (tmp_path / "demo.log").read_text()
    assert f"on sqlite:///{kept.database} {kept.pictures}" in log


def test_without_a_demo_there_is_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="run the demo first"):
        serve(tmp_path, command=service_command(""))


def test_a_service_that_ends_by_itself_shows_its_last_lines(tmp_path: Path) -> None:
    left_by_a_demo(tmp_path)
    ends = "(print('ledger: disk full', flush=True), os._exit(3))"
    ends = f"threading.Timer(1, lambda: {ends}).start()"
    with pytest.raises(ServiceError, match="ended with status 3") as caught:
        serve(tmp_path, command=service_command(ends))
    assert "disk full" in caught.value.detail


def test_a_demo_begins_with_nothing_of_the_last(tmp_path: Path) -> None:
    kept = left_by_a_demo(tmp_path)
    beside = tmp_path / "report.html"
    beside.write_text("of the last")
    kept.clear()
    assert list(tmp_path.iterdir()) == [beside]


def test_the_demo_says_what_to_type_for_its_console() -> None:
    assert console_command(OUT) == "make console, or adjudicate demo --serve"
    assert console_command(Path("/tmp/demo")) == "adjudicate demo --serve --out /tmp/demo"
