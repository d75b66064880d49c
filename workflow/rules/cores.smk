# Keeps Snakemake 9.10-9.16 within --cores and --resources: there, a job that is the only one ready takes
# nothing of them when it starts, but gives back when it ends (snakemake#3913; mended in 9.17). Before the
# images of the demo are read, --cores 2 has so become 4, and four runs are read into memory at once.

from packaging.version import Version
from snakemake import __version__ as SNAKEMAKE
from snakemake.scheduling.job_scheduler import JobScheduler


def counted(select):
    """Return a job selector that takes from the scheduler what its jobs need, if `select` did not."""

    def select_and_count(scheduler, jobs):
        places = scheduler.resources["_nodes"]
        selected = select(scheduler, jobs)
        # every job takes a place, so nothing taken means that nothing was counted
        if selected and scheduler.resources["_nodes"] == places:
            scheduler.update_available_resources(selected)
        return selected

    return select_and_count


if Version("9.10") <= Version(SNAKEMAKE) < Version("9.17"):
    JobScheduler.job_selector = counted(JobScheduler.job_selector)
