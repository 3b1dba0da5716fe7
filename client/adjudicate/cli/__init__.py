"""The command line: `adjudicate --help`."""

from adjudicate.lean import keep_docarray_lean

# Here and not in `main`: a process that the supervisor spawns imports this too, before docarray.
keep_docarray_lean()


def main() -> None:
    """Run the command line of this process; ends it with the exit status."""
    from adjudicate.cli.app import app
    from adjudicate.cli.exits import printing

    with printing():
        app()
