"""Sweeps whose records were made by real training, and whose processes are killed as the kernel would."""

import os
import shutil
import signal
from pathlib import Path
from typing import NamedTuple

from convsweep.hydra_app.compose import compose_run
from convsweep.records import sweep as sweeps
from convsweep.records.attempts import Code
from convsweep.records.identity import run_key
from convsweep.records.provenance import provenance, write_provenance
from convsweep.runs.stack import Job, run_stack

TINY = ("data.num_train=150", "data.num_valid=50", "data.num_test=50", "train.epochs=2", "train.window=50")

CODE = Code("0" * 40, "1" * 64)


class Recorded(NamedTuple):
    """A folder of records with one sweep."""

    mlruns: Path
    sweep: sweeps.Sweep
    jobs: list[Job]

    @property
    def database(self):
        """MLflow's database."""
        return self.mlruns / "mlflow.db"

    def write(self, **changes):
        """Write the sweep's record with changes."""
        sweeps.write_sweep(self.mlruns, self.sweep._replace(**changes))

    def run(self, number):
        """A job's run directory."""
        return self.mlruns / "runs" / self.jobs[number].run_key

    def copy(self, folder):
        """Copy all of it."""
        shutil.copytree(self.mlruns, folder / "mlruns")
        return self._replace(mlruns=folder / "mlruns")


def record(folder, *jobs, multirun=True, train=True, number=0, code=CODE):
    """Make a sweep's record and train its jobs, given as overrides."""
    mlruns = folder / "mlruns"
    sweep_id = f"2026-01-0{number + 1}_00-00-00.000000"
    configs = [compose_run([f"mlruns='{mlruns}'", *TINY, *overrides]) for overrides in jobs]
    members = [Job(number, config, run_key(config), sweep_id, code=code) for number, config in enumerate(configs)]
    sweep = sweeps.Sweep(
        id=sweep_id,
        multirun=multirun,
        command=("-m", "train.seed=0,1", "x=a`b"),
        axes=("train.seed",),
        experiment="convsweep",
        folder=str(mlruns),
        rerun=False,
        created=1_700_000_000.0 + number,
        user="somebody",
        host="here",
        git_commit=code.commit,
        state="finished",
        ended=1_900_000_000.0,
        jobs=tuple(
            sweeps.SweepJob(job.number, " ".join(overrides), job.run_key, 300)
            for job, overrides in zip(members, jobs, strict=True)
        ),
        launches=(sweeps.Launched(1_700_000_000.0 + number, "somebody", "here", *code),),
    )
    sweeps.write_sweep(mlruns, sweep)
    write_provenance(sweeps.sweep_directory(mlruns, sweep_id), provenance()._replace(git_diff=b"+ a line\n"))
    if train:
        assert run_stack(members) == {}
    return Recorded(mlruns, sweep, members)


def mirror_to_its_end(mlruns, sweep_id, mirrors=1):
    """Mirror a sweep whose launch is over; what a killable process runs."""
    import threading

    from convsweep.tracking.mirror import follow

    closed = threading.Event()
    closed.set()
    raise SystemExit(0 if follow(mlruns, sweep_id, closed, print, mirrors=mirrors) else 1)


def kill(process):
    """End a process as the kernel would."""
    if process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()
