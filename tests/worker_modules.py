"""What a test has a worker do: train, then tell what that made it import."""

import os
import sys
from collections.abc import Sequence

from convsweep.runs.stack import Job, run_stack


def modules_after(jobs: Sequence[Job]) -> tuple[object, list[str], dict[str, str]]:
    """Train jobs; return the failures, what has been imported by then, and how many threads libraries may use."""
    failures = run_stack(jobs)
    threads = {name: value for name, value in os.environ.items() if name.endswith("_NUM_THREADS")}
    return failures, sorted(sys.modules), threads
