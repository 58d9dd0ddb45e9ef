"""Locks that keep two mirrors from sending the same job: ``mirror.lock`` of the one that leads, one of each helper.

A helper that was left alone by a leader that was killed ends within seconds. Until then it holds its lock, and whoever
leads next waits for it.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from convsweep.records.sweep import sweep_directory

LOCK = "mirror.lock"
LOCK_OF_HELPER = "mirror-{}.lock"
PATIENCE = 30.0  # seconds that another mirror of the same sweep is waited for once the launch is over
LOOK = 0.5  # seconds between two tries


@contextmanager
def leaders_lock(mlruns: Path, sweep_id: str, closed: threading.Event | None) -> Iterator[bool]:
    """Hold the lock of a sweep's mirror, when no helper of an earlier one is left; yield whether it could be had.

    Args:
        mlruns: The folder of everything.
        sweep_id: The sweep.
        closed: The lock is waited for until some time after this is set; None: not at all.
    """
    folder = sweep_directory(mlruns, sweep_id)
    with _held(folder / LOCK, _Patience(closed)) as held:
        helpers = sorted(folder.glob(LOCK_OF_HELPER.format("*"))) if held else []
        yield held and all(_is_free(path, _Patience(closed)) for path in helpers)


@contextmanager
def helpers_lock(mlruns: Path, sweep_id: str, number: int, closed: threading.Event) -> Iterator[bool]:
    """Hold the lock of a helper; yield whether it could be had. Afterwards its leader must be found to be alive."""
    with _held(sweep_directory(mlruns, sweep_id) / LOCK_OF_HELPER.format(number), _Patience(closed)) as held:
        yield held


class _Patience:
    """How long a lock is waited for."""

    def __init__(self, closed: threading.Event | None) -> None:
        self._closed = closed
        self._deadline: float | None = None if closed is not None else 0.0
        self.pause = 0.0 if closed is None else LOOK

    @property
    def is_over(self) -> bool:
        """Whether it was waited for long enough."""
        if self._closed is not None and self._closed.is_set() and self._deadline is None:
            self._deadline = time.monotonic() + PATIENCE
        return self._deadline is not None and time.monotonic() >= self._deadline


@contextmanager
def _held(path: Path, patience: _Patience) -> Iterator[bool]:
    lock = filelock.FileLock(path)
    while True:
        try:
            lock.acquire(timeout=patience.pause)
            break
        except filelock.Timeout:
            if patience.is_over:
                yield False
                return
    try:
        yield True
    finally:
        lock.release()


def _is_free(path: Path, patience: _Patience) -> bool:
    with _held(path, patience) as held:
        return held
