"""Which tests `pytest -n 2` gives to which process: xdist's scheduler, and nodes that only note."""

from types import SimpleNamespace
from typing import Any

from tests.in_parallel import ByModule

COLLECTED = [
    "tests/client/test_a.py::test_one",
    "tests/client/test_a.py::test_two[x::y]",
    "tests/client/test_b.py::test_three",
    "tests/container/test_c.py::test_four",
    "tests/container/test_c.py::test_five",
    "tests/container/test_c.py::test_six",
    "tests/e2e/test_d.py::test_seven",
    "tests/e2e/test_d.py::test_eight",
    "tests/e2e/test_e.py::test_nine",
    "tests/browser/test_f.py::test_ten",
    "tests/browser/test_g.py::test_eleven",
    "tests/browser/test_g.py::test_twelve",
]


class Node:
    """A process that has collected everything and runs nothing."""

    shutting_down = False

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.given: list[str] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.given += [COLLECTED[index] for index in indices]


def scheduled() -> tuple[ByModule, Node, Node]:
    option = SimpleNamespace(loadscopereorder=True)
    config: Any = SimpleNamespace(option=option, getvalue=lambda name: ["popen", "popen"])
    scheduler, nodes = ByModule(config), (Node("one"), Node("other"))
    for node in nodes:
        scheduler.add_node(node)  # type: ignore[arg-type]
    for node in nodes:
        scheduler.add_node_collection(node, COLLECTED)  # type: ignore[arg-type]
    scheduler.schedule()
    return scheduler, *nodes


def test_what_shares_flows_is_for_one_process_and_begins_first() -> None:
    _, one, other = scheduled()
    assert one.given == COLLECTED[6:9]
    assert other.given == COLLECTED[9:12]


def test_who_has_done_its_own_gets_whole_modules_in_their_order() -> None:
    scheduler, one, other = scheduled()
    for index in range(9, 12):
        scheduler.mark_test_complete(other, index)  # type: ignore[arg-type]
    assert other.given == [*COLLECTED[9:12], *COLLECTED[3:6]]
    assert one.given == COLLECTED[6:9]
