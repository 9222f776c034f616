"""What recovery adds to Snakemake itself."""

from threading import Lock, Semaphore
from types import SimpleNamespace

from snakemake.scheduling.job_scheduler import JobScheduler

from joblineage.recovery import heed_sigterm


def test_a_signal_ends_snakemake_also_while_it_holds_its_own_lock(monkeypatch):
    monkeypatch.setattr(JobScheduler, "exit_gracefully", JobScheduler.exit_gracefully)  # set back afterwards
    heed_sigterm()
    scheduler = SimpleNamespace(_lock=Lock(), _open_jobs=Semaphore(0), _user_kill=None)
    with scheduler._lock:
        JobScheduler.exit_gracefully(scheduler)
    assert scheduler._open_jobs.acquire(timeout=60)
    assert scheduler._user_kill == "graceful"
