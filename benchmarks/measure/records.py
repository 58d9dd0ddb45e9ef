"""What the records in a workplace's ``mlruns`` say of time, read without convsweep."""

import json
from pathlib import Path


def training_seconds(mlruns: Path, *, epochs: int) -> float:
    """Return the seconds that the newest run with so many epochs trained and evaluated."""
    results = [json.loads(path.read_text()) for path in mlruns.glob("runs/*/result.json")]
    return float(max((result for result in results if result["epoch"] == epochs), key=_time)["seconds"])


def last_checkpoint(mlruns: Path) -> float:
    """Return when the last checkpoint was written, in seconds since 1970."""
    return max(path.stat().st_mtime for path in mlruns.glob("runs/*/checkpoints/*.npz"))


def _time(result: dict[str, float]) -> float:
    return result["time"]
