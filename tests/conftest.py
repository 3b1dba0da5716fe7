"""For all tests."""

import multiprocessing

# Jina forks by default; a fork of a process that has used gRPC inherits its locks and hangs.
multiprocessing.set_start_method("spawn", force=True)
