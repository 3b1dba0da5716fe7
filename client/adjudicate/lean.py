"""docarray without the frameworks that it would import where they are installed.

It imports torch, tensorflow and jax to offer tensors of theirs; documents here hold NumPy arrays
alone. torch costs a process 450 MiB and more than a second, and the gateway, the ledger, the
supervisor and most commands have no other use for it. A room that has one imports it for itself.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType

_FRAMEWORKS = frozenset({"torch", "tensorflow", "jax"})


class _NotForDocarray(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in _FRAMEWORKS and _importer().split(".")[0] == "docarray":
            raise ModuleNotFoundError(f"{fullname} is not for docarray", name=fullname)
        return None


def _importer() -> str:
    """The name of the module that imports something at the moment."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name != __name__ and name.split(".")[0] not in ("importlib", "_frozen_importlib"):
            return name
        frame = frame.f_back
    return ""


def keep_docarray_lean() -> None:
    """Have docarray, once it is imported, find no framework.

    For processes that are the service's own, before docarray is imported: a program that uses this
    package as a library may want docarray's torch tensors. What `adjudicate` spawns imports its
    command line anew, and so comes by here; what `python -m adjudicate` spawns does not.
    """
    if not any(isinstance(finder, _NotForDocarray) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NotForDocarray())
