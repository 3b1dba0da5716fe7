"""The project's figures. Each module with a `run()` is a benchmark: `make bench NAME=module`."""
