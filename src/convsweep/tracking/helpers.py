"""The processes that help a mirror: each sends a share of a sweep's jobs."""

from pathlib import Path

from convsweep.tracking.process import MirrorProcess
from convsweep.tracking.shares import Share


class Helpers:
    """The mirrors of a sweep beside the one that leads, in which this is made.

    Args:
        mlruns: The folder of everything.
        sweep_id: The sweep.
        mirrors: How many there are with the leader.
    """

    def __init__(self, mlruns: Path, sweep_id: str, mirrors: int) -> None:
        self._mlruns, self._sweep_id = mlruns, sweep_id
        self._shares = [Share(number, mirrors) for number in range(1, mirrors)]
        self._processes: list[MirrorProcess] = []

    def start(self) -> None:
        """Start them, unless they were started."""
        if not self._processes:
            for share in self._shares:
                process = MirrorProcess()
                self._processes.append(process)
                process.help_to_follow(self._mlruns, self._sweep_id, share)

    def close(self) -> None:
        """Tell them that the sweep's launch is over."""
        for process in self._processes:
            process.close()

    def wait(self) -> None:
        """Wait until they have sent what they can."""
        for process in self._processes:
            process.finish(None)

    def kill(self) -> None:
        """End those that are left at once."""
        for process in self._processes:
            process.kill()
