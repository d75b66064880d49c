"""A Slurm of the tests' own, on loopback, and calls of Snakemake that submit to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from made_study import REPO, Finished, Study

PROFILE = REPO / "workflow/profiles/slurm"
PROGRAMS = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


@dataclass(frozen=True)
class Cluster:
    """A running Slurm, by the folder of its configuration."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.folder}/bin:{PROGRAMS}"
        return os.environ | {
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": path,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def call(self, *command: str) -> str:
        """Run one of Slurm's programs and return what it says."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def wait_for(self, state: str, *, seconds: float = 300) -> list[str]:
        """Return the numbers of the jobs that are in a state, once there are any."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.call("squeue", "-h", "-o", "%i", "-t", state).split()
            if found:
                return found
            time.sleep(0.2)
        pytest.fail(f"no job was {state} within {seconds:g} s")

    def start(self, study: Study, *arguments: str) -> subprocess.Popen[str]:
        """Start Snakemake with the profile, on the study."""
        call = [sys.executable, "-m", "snakemake", "-s", str(REPO / "Snakefile"), "--nocolor"]
        # the profile is for real clusters: here files are seen at once, and jobs are short
        quick = ["--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "5"]
        return subprocess.Popen(
            [*call, "--profile", str(PROFILE), *quick, *arguments, "--configfile", "config.yaml"],
            cwd=study.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # a shell's background jobs ignore Ctrl-C, and so would what they start
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, study: Study, *arguments: str, seconds: float = 600) -> Finished:
        """Run Snakemake to its end; a run that hangs is killed and fails."""
        return finish(self.start(study, *arguments), seconds=seconds)

    def bring_back_nodes(self) -> None:
        """Let the nodes that are down take jobs again."""
        for node in self.call("sinfo", "-h", "-N", "-t", "down,drain", "-o", "%N").split():
            self.call("scontrol", "update", f"nodename={node}", "state=resume")

    def forget_jobs(self) -> None:
        """Cancel all jobs and wait until none is left."""
        self.call("scancel", "-u", self.call("id", "-un").strip())
        deadline = time.monotonic() + 30
        while self.call("squeue", "-h") and time.monotonic() < deadline:
            time.sleep(0.2)


def finish(process: subprocess.Popen[str], *, seconds: float = 600) -> Finished:
    """Wait for Snakemake and return what came of it."""
    try:
        text, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        text, _ = process.communicate()
        pytest.fail(f"Snakemake hung:\n{text[-3000:]}")
    return Finished(process.returncode, text)


def free_ports(count: int) -> int:
    """Return the first of some consecutive ports that are free."""
    for first in range(27817, 30000, count):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    pytest.skip("no free ports for a Slurm")
