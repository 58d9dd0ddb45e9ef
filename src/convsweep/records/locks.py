"""Locks that processes hold on records, on whatever host that sees them; released by whatever ends their holder."""

from pathlib import Path

import filelock


def run_lock(mlruns: Path, run_key: str) -> Path:
    """Return the lock that whoever writes a run's record holds: beside the record, which may be replaced as a whole."""
    return mlruns / "locks" / run_key


def is_held(path: Path) -> bool:
    """Tell whether some process holds a lock.

    Raises:
        OSError: The lock can't be tried: it lies on a disk that is only read, or belongs to somebody else.
    """
    lock = filelock.FileLock(path)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        return True
    lock.release()
    return False
