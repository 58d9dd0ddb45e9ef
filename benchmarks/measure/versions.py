"""The versions of what was measured."""

import platform
import subprocess

from benchmarks.peers import c
from convsweep.records.provenance import provenance


def versions() -> dict[str, str | None]:
    """Return versions by name; None for what isn't installed."""
    environment = provenance().environment
    packages = environment["packages"]
    assert isinstance(packages, dict)
    return {
        "python": platform.python_version(),
        "convsweep": packages.get("convsweep"),
        "numpy": packages.get("numpy"),
        "blas": str(environment["blas"]),
        "jax": packages.get("jax"),
        "torch": packages.get("torch"),
        "compiler": _compiler(),
    }


def _compiler() -> str | None:
    if c.COMPILER is None:
        return None
    done = subprocess.run([c.COMPILER, "--version"], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[0]
