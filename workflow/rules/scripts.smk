# Snakemake hands the path of Python to a shell as it stands: in an environment whose path has a blank or an
# apostrophe in it, no script would start.

import shlex
import sys

from snakemake.script import ScriptBase


def quoted(execute):
    """Return the method that runs a script, with the path of Python quoted for the shell."""

    def execute_quoted(script, cmd, **given):
        if "py_exec" in given:
            given["py_exec"] = shlex.quote(given["py_exec"])
        return execute(script, cmd, **given)

    return execute_quoted


# once, though a workflow that has this one as a module may read it several times
if (
    shlex.quote(sys.executable) != sys.executable
    and ScriptBase._execute_cmd.__name__ != "execute_quoted"
):
    ScriptBase._execute_cmd = quoted(ScriptBase._execute_cmd)
