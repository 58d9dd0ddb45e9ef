"""What a mirror does each time it looks at a sweep doesn't grow with the jobs that have nothing to tell."""

import sys

import pytest

from convsweep.records.sweep import SweepJob
from convsweep.tracking.session import Session
from convsweep.tracking.store import connect

OPENED: list[str] = []
LISTENING: list[bool] = []  # holds something while files that are opened are noted


def note(event, arguments):
    """Note each file that is opened; Python keeps calling this until it ends."""
    if LISTENING and event == "open":
        OPENED.append(str(arguments[0]))


@pytest.fixture(scope="module", autouse=True)
def _listen():
    sys.addaudithook(note)


def files_opened_by_a_look(recorded, waiting):
    """Return which files of records a second look opens, in a sweep with so many jobs that haven't begun."""
    later = [SweepJob(number, f"later {number}", f"{number:016x}", 1) for number in range(3, 3 + waiting)]
    sweep = recorded.sweep._replace(jobs=(*recorded.sweep.jobs, *later))
    (recorded.run(0) / "result.json").unlink(missing_ok=True)  # one is still under way
    session = Session(recorded.mlruns, sweep, connect(recorded.mlruns, "convsweep"))
    session.send(over=False)
    OPENED.clear()
    LISTENING.append(True)
    session.send(over=False)
    LISTENING.clear()
    return [path for path in OPENED if str(recorded.mlruns / "runs") in path]


def test_a_look_at_a_sweep_reads_only_runs_that_are_under_way(recorded):
    few, many = files_opened_by_a_look(recorded, 2), files_opened_by_a_look(recorded, 200)
    assert few == many
    assert {recorded.run(0).name} == {path.split("/runs/")[1].split("/")[0] for path in many}
