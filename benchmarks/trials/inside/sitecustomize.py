"""Kills the Python process that it is loaded into, right before one of its file operations.

Python imports a module of this name at its start, so ``launches.py`` puts this folder on the path of the processes of
a trial. An audit hook hears of every file that is opened for writing, renamed, removed, and every folder that is
made. SIGKILL then comes at exactly the moments that random times hardly ever hit: between writing and renaming.

``CONVSWEEP_STRIKE`` is a JSON object: ``folder`` (operations in other places don't count), ``notes`` (a folder for what
happened), ``victim`` (a part of the command line, or null) and ``operation`` (which one, from 0).
"""

import json
import os
import signal
import sys
from pathlib import Path

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate")


class Strike:
    """The audit hook.

    Attributes:
        count: The operations of this process so far.
    """

    def __init__(self, settings: dict[str, str | int | None], command_line: str) -> None:
        self.count = 0
        self._folder, self._notes = Path(str(settings["folder"])), Path(str(settings["notes"]))
        self._victim, self._operation = settings["victim"], settings["operation"]
        self._is_victim = isinstance(self._victim, str) and self._victim in command_line
        self._command_line = command_line

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        """Count an operation; kill this process before the one that was chosen."""
        if event == "open":
            if not isinstance(arguments[2], int) or not arguments[2] & WRITING:
                return
        elif event not in CHANGES:
            return
        if not isinstance(arguments[0], str | os.PathLike) or self._folder not in Path(arguments[0]).absolute().parents:
            return
        if self._victim is None:
            self._note("operations", self._command_line)
        elif self._is_victim and self.count == self._operation and self._is_first():
            self._note("killed", f"{event} {arguments[0]}")
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1

    def _is_first(self) -> bool:
        """Tell whether no other process was killed by this strike before."""
        try:
            os.close(os.open(self._notes / "struck", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True

    def _note(self, name: str, text: str) -> None:
        file = os.open(self._notes / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, f"{text}\n".encode())
        os.close(file)


if "CONVSWEEP_STRIKE" in os.environ:
    sys.addaudithook(Strike(json.loads(os.environ["CONVSWEEP_STRIKE"]), " ".join(sys.orig_argv)))
