"""The machine that is measured."""

import platform
from pathlib import Path

from benchmarks.measure import fresh


def machine() -> dict[str, str | int | None]:
    """Return its processor, the cores that may be used, and its system."""
    names = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "cpu": names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine(),
        "cores": len(fresh.cores()),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
