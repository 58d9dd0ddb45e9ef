"""The process that mirrors a sweep beside its launch; ``process`` is the launch's side of it.

    python -m convsweep.tracking.mirror_process PID

PID is the process that started this one. Which sweep is to be followed stands in the first line of standard input,
once there is one: a JSON list of the folder of everything, the sweep's id, and the number and the count of shares. The
first share leads: PID is the launch, and there are as many mirrors as shares. Any other helps: PID is the mirror that
leads. The launch is over when standard input is closed. The exit status is 0 if MLflow has everything then, 1 if not.
On standard output stands what a person must be told.
"""

import gc
import json
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

ORPHANS_PATIENCE = 3.0  # seconds that are left once the launch was killed outright


def main(parent: int) -> int:
    """Follow the sweep that the parent names; return the exit status."""
    # first of all: the launch may be killed while MLflow is imported
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    gc.disable()  # what MLflow's import makes stays: looking through it again and again takes a fifth of the time
    from convsweep.tracking.mirror import follow, help_to_follow
    from convsweep.tracking.shares import Share

    gc.freeze()
    gc.enable()
    named = sys.stdin.readline()
    if not named:
        return 0  # there was nothing to follow
    mlruns, sweep_id, number, of = json.loads(named)
    closed = threading.Event()
    threading.Thread(target=_wait_for_end_of_input, args=(closed,), daemon=True).start()
    # whatever a library prints is not for the person at the keyboard
    told = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def tell(line: str) -> None:
        with suppress(OSError):  # the launch may be gone
            print(" ".join(line.split()), file=told, flush=True)

    share = Share(number, of)
    if share.leads:
        complete = follow(Path(mlruns), sweep_id, closed, tell, mirrors=share.of)
    else:
        complete = help_to_follow(Path(mlruns), sweep_id, closed, share, parent)
    return 0 if complete else 1


def _wait_for_end_of_input(closed: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    closed.set()


def _end_with(parent: int) -> None:
    """End soon after the parent if it was killed outright: nobody waits, and the same command sends what is left."""
    while os.getppid() == parent:
        time.sleep(0.25)
    time.sleep(ORPHANS_PATIENCE)
    os._exit(1)


if __name__ == "__main__":
    status = main(int(sys.argv[1]))
    os._exit(status)  # all is written: what MLflow does at an interpreter's end would only take time
