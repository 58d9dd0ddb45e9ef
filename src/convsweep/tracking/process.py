"""The process that mirrors a sweep, as its launch sees it. Imports neither mlflow nor sqlalchemy."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from convsweep.tracking.shares import Share


class MirrorProcess:
    """A process that follows a sweep's records and tells MLflow, in a session of its own.

    Ctrl-C in a terminal doesn't reach it. It ends by itself once this process is gone, having sent what is there.

    Making one starts the process, which takes about two seconds to import MLflow: the sooner the better.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "convsweep.tracking.mirror_process", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        self._tell: Callable[[str], None] = print
        self._reader = threading.Thread(target=self._read, daemon=True)

    def follow(self, mlruns: Path, sweep_id: str, tell: Callable[[str], None], *, mirrors: int = 1) -> None:
        """Let it follow a sweep from now on.

        Args:
            mlruns: The folder of everything.
            sweep_id: The sweep; its record must be there.
            tell: Called with each line that a person must be told, from another thread.
            mirrors: How many processes are to do it side by side.
        """
        self._begin(mlruns, sweep_id, Share(0, mirrors), tell)

    def help_to_follow(self, mlruns: Path, sweep_id: str, share: Share) -> None:
        """Let it send a share of a sweep's jobs from now on; this process leads, and holds the sweep's lock.

        Args:
            mlruns: The folder of everything.
            sweep_id: The sweep.
            share: Which jobs; not the first share.
        """
        self._begin(mlruns, sweep_id, share, lambda _: None)

    def close(self) -> None:
        """Tell it that the launch is over, without waiting for its end."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def finish(self, timeout: float | None) -> bool:
        """Let it send what is left, and wait for its end. The sweep's state must have been written before.

        Args:
            timeout: Seconds after which it is killed; None: never.

        Returns:
            Whether MLflow has everything.
        """
        self.close()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            self._tell(f"MLflow did not take everything within {timeout:.0f} s: `convsweep sync` sends the rest.")
            return False
        self._reader.join()  # all that it said is told by now
        return self._process.returncode == 0

    def kill(self) -> None:
        """End it at once. Whatever was not sent stays in the records."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not (stream is self._process.stdout and self._reader.is_alive()):
                with suppress(OSError):
                    stream.close()
        if self._reader.is_alive():
            self._reader.join()

    def _begin(self, mlruns: Path, sweep_id: str, share: Share, tell: Callable[[str], None]) -> None:
        assert self._process.stdin is not None
        self._tell = tell
        self._reader.start()
        with suppress(BrokenPipeError):  # it ended already, which `finish` tells
            self._process.stdin.write(json.dumps([str(mlruns), sweep_id, *share]) + "\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with suppress(OSError):  # the terminal is gone: the mirror must be read to its end all the same
                    self._tell(line.rstrip("\n"))
