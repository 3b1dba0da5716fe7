"""The five images review ads together, each in its own root, with nothing but loopback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.images.dockerfiles import IMAGES, ROOMS
from tests.images.roots import ALONE, BWRAP, Root


@pytest.mark.slow(reason="five environments, their code uncompiled")
@pytest.mark.timeout(1200)
def test_the_rooms_review_ads_over_three_protocols(root_of: Callable[[str], Root]) -> None:
    roots = [root_of(name) for name in IMAGES]
    folder = roots[0].folder.parent
    assert BWRAP is not None
    command = [BWRAP, *ALONE, sys.executable, "-W", "ignore", "-m", "tests.images.together"]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for protocol in ("grpc", "http", "ws"):
        claim, chair, broken = found[protocol]
        assert claim["outcome"] in ("reject", "escalate"), found[protocol]
        assert chair == {"outcome": "approve", "code": None, "trace": chair["trace"]}
        assert broken["code"] == "image_unreadable"
        assert all(one["trace"] for one in (claim, chair, broken))
    assert json.loads(found["client"])["outcome"] == "approve"
    for room in ROOMS:
        assert all(json.loads(line) for line in found["logs"][room].splitlines()), room
