"""A replica of the library in a process of its own: `python -m tests.library.replica URL`.

Line by line: `add NAME` stores an exemplar, `remove NAME` takes it out, `find NAME` searches for
what resembles it; each is answered with one line.
"""

import sys

import numpy as np

from executors.library.index import FollowingIndex
from executors.library.store import ExemplarStore
from tests.library.adder import exemplar


def main(url: str) -> None:
    store = ExemplarStore(url)
    index = FollowingIndex(store)
    print("ready", flush=True)
    for line in sys.stdin:
        what, name = line.split()
        if what == "add":
            store.add([exemplar(name)])
            print("done", flush=True)
        elif what == "remove":
            store.remove([name])
            print("done", flush=True)
        else:
            snapshot = index.current("v1")
            ad = np.asarray(exemplar(name).image_embedding)[None]
            hits = snapshot.search("image", [ad], np.full(len(snapshot.entries), 0.9999))[0]
            print(
                " ".join(["found", *(snapshot.entries[hit.place].id for hit in hits)]), flush=True
            )


if __name__ == "__main__":
    main(sys.argv[1])
