"""The command line: `adjudicate --help`."""


def main() -> None:
    """Run the command line of this process; ends it with the exit status."""
    from adjudicate.cli.app import app
    from adjudicate.cli.exits import printing

    with printing():
        app()
