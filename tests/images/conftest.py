"""The roots of the images, each made once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.images.dockerfiles import image
from tests.images.roots import NoSandbox, Root, make_root, require_sandbox


@pytest.fixture(scope="session")
def root_of() -> Iterator[Callable[[str], Root]]:
    """The root of an image by its name. Skips where nothing can run in one."""
    try:
        require_sandbox()
    except NoSandbox as reason:
        pytest.skip(str(reason))
    # Not pytest's: the image's user must be able to pass through it.
    folder = Path(tempfile.mkdtemp(prefix="adjudicate-images-"))
    folder.chmod(0o755)
    made: dict[str, Root] = {}

    def root(name: str) -> Root:
        if name not in made:
            made[name] = make_root(image(name), folder / name)
        return made[name]

    yield root
    shutil.rmtree(folder, ignore_errors=True)
