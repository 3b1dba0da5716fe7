"""A process that adds exemplars until it is killed, and says each that was answered.

`python -m tests.library.adder URL`: for every line on its input it forks a child that opens the
database and adds; the child prints its number first, then the id of each exemplar once `add` has
returned. Forking saves the imports of a new process, and every child is a process of its own.
"""

import os
import sys

import numpy as np

from adjudicate.documents import Exemplar
from executors.library.store import ExemplarStore
from tests.library.handmade import picture

DIMENSION = 16


def exemplar(name: str) -> Exemplar:
    """One that no other is like: its vector is made from its name."""
    rng = np.random.default_rng(list(name.encode()))
    vector = rng.standard_normal(DIMENSION)
    unit = (vector / np.linalg.norm(vector)).astype(np.float32)
    return picture(name.encode(), unit, id=name, encoder_version="v1")


def say(line: str) -> None:
    """One write, so that a kill leaves no half line: with PYTHONUNBUFFERED `print` makes two."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def add_for_ever(url: str, run: str) -> None:
    store = ExemplarStore(url)
    say(f"pid {os.getpid()}")
    number = 0
    while True:
        names = [f"{run}-{number + i}" for i in range(1 + number % 3)]
        number += len(names)
        for answer in store.add([exemplar(name) for name in names]):
            assert isinstance(answer, Exemplar), answer
            say(answer.id)


if __name__ == "__main__":
    say("ready")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            add_for_ever(sys.argv[1], line.strip())
        os.waitpid(child, 0)
        say("ended")
