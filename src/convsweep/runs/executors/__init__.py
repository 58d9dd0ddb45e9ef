"""Where stacks are trained: local processes, or a cluster's own engine.

``local`` is loky, ``dask`` is distributed, ``slurm`` is submitit. A cluster's engine hands out futures of
``concurrent.futures``; ``engine`` says what else it can do, and waits for them. ``checks`` and ``worker`` are what runs
on a cluster's hosts.
"""

from convsweep.runs.executors.local import ONE_THREAD, TRIES, Done, Processes, num_cores

__all__ = ["ONE_THREAD", "TRIES", "Done", "Processes", "num_cores"]
