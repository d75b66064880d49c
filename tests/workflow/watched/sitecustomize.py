"""Note down what the scripts of jobs list and open for writing; Python imports this by its name.

One line for each: the script, ``list`` or ``write``, and the path, into the file that the
environment variable WATCHED names.
"""

import os
import sys

WRITING = os.O_WRONLY | os.O_RDWR
_notes = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def note(event, arguments):
    if event in ("os.listdir", "os.scandir", "glob.glob"):
        what = "list"
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
        what = "write"
    else:
        return
    path, script = arguments[0], next((a for a in sys.orig_argv if ".snakemake/scripts" in a), None)
    if script and isinstance(path, str | bytes | os.PathLike):
        name = script.rpartition("/")[2].partition(".")[2]
        # pathlib would be imported before everything else
        place = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
        os.write(_notes, f"{name}\t{what}\t{place}\n".encode())


sys.addaudithook(note)
