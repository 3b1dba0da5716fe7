"""How `pytest -n 2` divides the suite between processes."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

_TOGETHER = ("tests/e2e/", "tests/browser/")
"""The modules of each share Flows, which take long to start: all of them are for one process."""
_LONG = (*_TOGETHER, "tests/container/", "tests/operations/", "tests/compose/", "tests/images/")
"""What takes minutes begins first, so that no process is left with it at the end."""


class ByModule(LoadScopeScheduling):
    """A module's tests stay in one process and in their order: they share fixtures."""

    def schedule(self) -> None:
        # By the number of tests, long ones that are few would come last.
        self.config.option.loadscopereorder = False
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.split("::", 1)[0]
        return next((folder for folder in _TOGETHER if module.startswith(folder)), module)

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=_place), last=False)
        super()._assign_work_unit(node)


def _place(scope: str) -> int:
    return next((at for at, long in enumerate(_LONG) if scope.startswith(long)), len(_LONG))
