"""Where a run's code and libraries come from: git commit, uncommitted changes, versions, machine."""

import functools
import platform
import subprocess
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Provenance(NamedTuple):
    """The state of the code and of the machine, as far as it can be told."""

    git_commit: str | None  # None: not run from a git checkout
    git_diff: str | None  # against that commit; empty if nothing was changed
    environment: dict[str, object]


@functools.cache
def provenance() -> Provenance:
    """Find out, once a process: the code that runs is the code that was imported."""
    return Provenance(_git("rev-parse", "HEAD"), _git("diff", "HEAD"), _environment())


def _git(*arguments: str) -> str | None:
    source = Path(__file__).parent
    try:
        # fails where this file isn't tracked: installed, or inside somebody else's checkout
        subprocess.run(["git", "-C", source, "ls-files", "--error-unmatch", __file__], capture_output=True, check=True)
        done = subprocess.run(["git", "-C", source, *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _environment() -> dict[str, object]:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    packages = sorted({(d.metadata["Name"], d.version) for d in distributions()}, key=lambda p: p[0].lower())
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "blas": f"{blas['name']} {blas['version']}",
        "packages": dict(packages),
    }


def _cpu() -> str:
    """Return the processor's name, which Linux keeps in a file."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
