"""Mended faults of Snakemake's scheduler."""

from __future__ import annotations

import runpy
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

RULES = Path(__file__).parents[2] / "workflow/rules/scheduler.smk"


@pytest.fixture
def scheduler(monkeypatch):
    """Return what the scheduler has of the timers, and the method that sets one."""
    from snakemake.scheduling.job_scheduler import JobScheduler

    monkeypatch.setattr(JobScheduler, "job_selector", JobScheduler.job_selector)
    monkeypatch.setattr(
        JobScheduler, "_schedule_reevalutation", JobScheduler._schedule_reevalutation
    )
    runpy.run_path(str(RULES))
    return SimpleNamespace(_open_jobs=threading.Semaphore(0)), JobScheduler._schedule_reevalutation


def looks(of: SimpleNamespace) -> int:
    """Return how often the scheduler was woken since this was asked last."""
    return sum(iter(lambda: of._open_jobs.acquire(blocking=False), False))


def test_jobs_that_end_set_no_further_timers(scheduler):
    of, again = scheduler
    for _ in range(20):
        again(of, 0.2)
    time.sleep(1)
    assert looks(of) == 1


def test_after_a_look_there_can_be_another(scheduler):
    of, again = scheduler
    for _ in range(3):
        again(of, 0.05)
        time.sleep(0.5)
    assert looks(of) == 3


def test_a_longer_wait_does_not_swallow_a_shorter_one(scheduler):
    of, again = scheduler
    again(of, 30)
    again(of, 0.05)
    time.sleep(0.5)
    assert looks(of) == 1


def test_no_timer_keeps_the_process_alive(scheduler):
    of, again = scheduler
    before = set(threading.enumerate())
    again(of, 5)
    assert all(thread.daemon for thread in set(threading.enumerate()) - before)
