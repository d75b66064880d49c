# Two faults of Snakemake's scheduler that a study feels.

from threading import Timer

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


# 9.10-9.16 leave --cores and --resources: a job that is the only one ready takes nothing of them when it starts,
# but gives back when it ends (snakemake#3913; mended in 9.17). Before the images of the demo are read, --cores 2
# has so become 4, and four runs are read into memory at once.
if Version("9.10") <= Version(SNAKEMAKE) < Version("9.17"):
    JobScheduler.job_selector = counted(JobScheduler.job_selector)


def look_again(scheduler, delay):
    """Let `scheduler` look for jobs after `delay` seconds, unless it is going to."""
    if delay in scheduler.__dict__.setdefault("_delays", set()):
        return
    scheduler._delays.add(delay)

    def look():
        scheduler._delays.discard(delay)
        scheduler._open_jobs.release()

    timer = Timer(delay, look)
    timer.daemon = True
    timer.start()


# Each look for jobs sets a timer for the next one, and so does each job that ends: n jobs later the scheduler
# looks n times a second, at all inputs of all jobs that wait, and takes a core for itself (snakemake#3744).
if hasattr(JobScheduler, "_schedule_reevalutation"):
    JobScheduler._schedule_reevalutation = look_again
