"""``python -m ketfc``, where the command itself is not on the path."""

from ketfc.command.main import main

main(prog_name="ketfc")
