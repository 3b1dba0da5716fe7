"""The project's figures. Each module here with a `run()` is a benchmark: `make bench NAME=module`."""
