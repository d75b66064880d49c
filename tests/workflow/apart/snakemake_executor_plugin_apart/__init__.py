"""An executor like that of Kubernetes on this machine: every job in a folder of its own.

Its settings are those of snakemake-executor-plugin-kubernetes. The folder of the study is hidden
from a job where the kernel lets an ordinary user mount, and its environment is that of a fresh
container.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=True,
    job_deploy_sources=True,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=True,
    init_seconds_before_status_checks=0,
)


class Executor(RemoteExecutor):
    """Runs each job in an empty folder; keeps the folders of jobs that fail."""

    def __post_init__(self) -> None:
        # as deep as the study, as in the image, so that the relative path of the Snakefile holds
        self.machines = Path(tempfile.mkdtemp(prefix="machines-", dir=Path.cwd().parents[1]))
        hidden = f"mount -t tmpfs none {shlex.quote(str(Path.cwd()))} && "
        allowed = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)
        self.hide = ["unshare", "-rm", "sh", "-c"] if allowed.returncode == 0 else None
        self.hidden = hidden if self.hide else ""

    def run_job(self, job: JobExecutorInterface) -> None:
        machine = Path(tempfile.mkdtemp(prefix=f"{job.name}-", dir=self.machines))
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(machine.with_name(f"{machine.name}.home")),
            # the image's ketfc
            "PYTHONPATH": os.environ["KETFC_TEST_IMAGE"],
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.envvars(),
        }
        # Kubernetes takes nothing but a number
        int(dict(job.resources)["mem_mb"])
        command = [*(self.hide or ["sh", "-c"]), self.hidden + self.format_job_exec(job)]
        with machine.with_name(f"{machine.name}.log").open("w") as log:
            log.write(f"{command[-1]}\n")
            log.flush()
            process = subprocess.Popen(
                command, cwd=machine, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        about = {"process": process, "machine": machine}
        self.report_job_submission(SubmittedJobInfo(job, external_jobid=machine.name, aux=about))

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        for info in active_jobs:
            code = info.aux["process"].poll()
            if code is None:
                yield info
            elif code == 0:
                shutil.rmtree(info.aux["machine"])
                self.report_job_success(info)
            else:
                said = info.aux["machine"].with_name(f"{info.external_jobid}.log")
                self.report_job_error(info, msg=f"\n{said.read_text()[-3000:]}")

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        for info in active_jobs:
            info.aux["process"].kill()
