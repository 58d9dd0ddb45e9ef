"""Where stacks are trained: local processes, or a cluster's own engine.

``local`` is loky, ``dask`` is distributed, ``slurm`` is submitit. A cluster's engine hands out futures of
``concurrent.futures``; ``engine`` says what else it can do, and waits for them. ``worker`` with ``checks`` is what runs
on a cluster's hosts: in a ``child`` of a Dask worker, or as a ``slurm_task``.
"""

from convsweep.runs.executors.local import Done, Processes, num_cores

__all__ = ["Done", "Processes", "num_cores"]
