"""Where a run was trained: a line for each attempt at it, in the file ``attempts.jsonl`` of its record.

A run that goes on on another machine, or after an upgrade, may go on with another NumPy or other BLAS kernels; its
bits are then those of neither. It goes on nevertheless (see ``identity``), and ``mixtures`` tells it.
"""

import json
import platform
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from convsweep.records.files import read_file, write_whole, writing
from convsweep.records.machine import blas_kernel, blas_name, cpu_name

FILE = "attempts.jsonl"
OLD_FILE = "kernels"  # of earlier records: the name of the BLAS kernels of each attempt, and nothing else


class Code(NamedTuple):
    """The code of a launch, as git has it."""

    commit: str | None = None  # None: not run from a git checkout
    diff: str | None = None  # sha256 of what differs from the commit; empty: nothing does; None: not known


class Attempt(NamedTuple):
    """One process' time at a run; None where an older record doesn't say."""

    after: int  # the epoch that it went on after; -1: it began
    kernel: str  # of its BLAS
    blas: str | None = None  # with its version
    numpy: str | None = None
    python: str | None = None
    cpu: str | None = None
    host: str | None = None
    time: float | None = None  # when it began, in seconds since 1970
    sweep: str | None = None  # whose job it was
    commit: str | None = None  # see ``Code``; this and the next also None if that isn't known
    diff: str | None = None

    @property
    def code(self) -> Code:
        """The code that it ran."""
        return Code(self.commit, self.diff)


def attempt_here(after: int, sweep: str, code: Code) -> Attempt:
    """Return the attempt that this process is about to make.

    Args:
        after: The epoch that it goes on after; -1: it begins.
        sweep: The id of the sweep whose job it is.
        code: That of the launch.
    """
    return Attempt(
        after=after,
        kernel=blas_kernel(),
        blas=blas_name(),
        numpy=np.__version__,
        python=platform.python_version(),
        cpu=cpu_name(),
        host=socket.gethostname(),
        time=round(time.time(), 3),
        sweep=sweep,
        commit=code.commit,
        diff=code.diff,
    )


def note_attempt(directory: Path, attempt: Attempt) -> None:
    """Write an attempt down; the first one forgets all before it. The writer must hold the record's lock.

    Raises:
        UserError: The disk refuses.
    """
    attempts = [*(read_attempts(directory) if attempt.after >= 0 else ()), attempt]
    lines = (json.dumps(one._asdict()) + "\n" for one in attempts)
    with writing(directory / FILE):
        write_whole(directory / FILE, "".join(lines).encode(), durable=False)
        (directory / OLD_FILE).unlink(missing_ok=True)


def read_attempts(directory: Path) -> list[Attempt]:
    """Return the attempts at a run, as far as they can be read."""
    kernels = (read_file(directory / OLD_FILE) or b"").decode(errors="replace").split()
    attempts = [Attempt(-1, "+".join(sorted(set(kernels))))] if kernels else []
    for line in (read_file(directory / FILE) or b"").splitlines():
        with suppress(ValueError, TypeError):  # damaged, or of another version of this program
            attempts.append(Attempt(**json.loads(line)))
    return attempts


def that_trained(attempts: Sequence[Attempt], epoch: int) -> tuple[Attempt, ...]:
    """Return the attempts that some part of a record comes from.

    Args:
        attempts: All of them.
        epoch: The record's last.

    >>> [attempt.kernel for attempt in that_trained([Attempt(-1, "a"), Attempt(2, "b"), Attempt(2, "c")], epoch=3)]
    ['a', 'c']
    >>> [attempt.kernel for attempt in that_trained([Attempt(-1, "a"), Attempt(3, "drew figures")], epoch=3)]
    ['a']
    """
    ends = [min([epoch, *(later.after for later in attempts[place + 1 :])]) for place in range(len(attempts))]
    return tuple(attempt for attempt, end in zip(attempts, ends, strict=True) if attempt.after < end)
