"""A sweep's command as a process, with all the processes that come of it."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import psutil

Victim = Literal["main", "worker", "mirror", "everything"]

TAG = "CONVSWEEP_TRIAL"  # an environment variable, which all processes of a launch inherit
INSIDE = Path(__file__).with_name("inside")  # what is loaded into every process of a launch
# parts of command lines
MARKS: dict[Victim, str] = {
    "main": "-m convsweep train",
    "worker": "popen_loky",
    "mirror": "convsweep.tracking.mirror",
    "everything": "",
}
PATIENCE = 120.0  # seconds that a launch may take
ORPHANS_END = 5.0  # seconds after which nothing may be left of a launch


class Strike(NamedTuple):
    """A process that is to be killed before one of its own file operations."""

    victim: Victim  # the first process of this kind that comes so far; "everything": the main process
    operation: int  # from 0


class Launch:
    """One start of the command, in a session of its own.

    Args:
        folder: Where it runs; what it prints goes to ``launch_NUMBER.log`` there.
        arguments: Of ``convsweep``.
        number: Of this start, in its folder.
        strike: Whom to kill before which file operation; None: nobody, operations are only noted.

    Attributes:
        begun: When it was started, by the monotonic clock.
    """

    def __init__(self, folder: Path, arguments: tuple[str, ...], number: int, strike: Strike | None = None) -> None:
        self._tag = f"{folder}:{number}"
        self._lingering: list[str] = []
        self._orphan_watch: threading.Thread | None = None
        self._notes = folder / f"notes_{number}"
        self._notes.mkdir()
        inside = {
            "folder": str(folder / "mlruns"),
            "notes": str(self._notes),
            "victim": None if strike is None else MARKS["main" if strike.victim == "everything" else strike.victim],
            "operation": None if strike is None else strike.operation,
        }
        environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(INSIDE), environment.get("PYTHONPATH")]))
        environment |= {TAG: self._tag, "CONVSWEEP_STRIKE": json.dumps(inside)}
        self.begun = time.monotonic()
        with (folder / f"launch_{number}.log").open("wb") as log:
            self._main = subprocess.Popen(
                [sys.executable, "-m", "convsweep", *arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def is_over(self) -> bool:
        """Whether the command has ended."""
        return self._main.poll() is not None

    def wait(self) -> int | None:
        """Wait for the command's end; return its exit status, or None if it had to be ended after ``PATIENCE``."""
        try:
            return self._main.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill("everything")
            return None

    def processes(self, victim: Victim = "everything") -> list[psutil.Process]:
        """Return the processes that live."""
        if victim == "main":
            return [] if self.is_over else [psutil.Process(self._main.pid)]
        return [process for process in self._tagged() if MARKS[victim] in " ".join(_command_line(process))]

    @property
    def struck_before(self) -> str | None:
        """The file operation that the strike came before, once it has come."""
        path = self._notes / "killed"
        return path.read_text().strip() if path.exists() else None

    def operations(self, victim: Victim) -> int:
        """Return how many file operations processes of this kind did, if there was no strike."""
        path = self._notes / "operations"
        mark = MARKS["main" if victim == "everything" else victim]
        return sum(mark in line for line in path.read_text().splitlines()) if path.exists() else 0

    def kill(self, victim: Victim) -> bool:
        """Send SIGKILL to a process of this kind, or to all; return whether there was one."""
        found = self.processes(victim)
        if victim == "everything":
            while living := self.processes():  # one may start another meanwhile
                for process in living:
                    _kill(process)
                self._main.poll()
        elif found:
            _kill(found[0])
        if victim in ("main", "everything"):
            self._main.wait()
        return bool(found)

    def watch_for_orphans(self) -> None:
        """Note, in the background, what lives ``ORPHANS_END`` seconds from now."""
        self._orphan_watch = threading.Thread(target=self._note_orphans, daemon=True)
        self._orphan_watch.start()

    def orphans(self) -> list[str]:
        """Wait for the end of ``watch_for_orphans``; return the command lines of what lived too long, and end it."""
        if self._orphan_watch is not None:
            self._orphan_watch.join()
        self.kill("everything")
        return self._lingering

    def _note_orphans(self) -> None:
        end = time.monotonic() + ORPHANS_END
        while time.monotonic() < end:
            if not self.processes():
                return
            time.sleep(0.25)
        self._lingering = [" ".join(_command_line(process))[:160] for process in self.processes()]

    def _tagged(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):  # it has ended, or belongs to somebody else
                if process.environ().get(TAG) == self._tag and process.status() != psutil.STATUS_ZOMBIE:
                    yield process


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        process.kill()
