"""Where the numbers come from: commands, data, code, packages and machine, as the records have them."""

import base64
import json
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from convsweep.compare.runs import Run
from convsweep.compare.sentences import counted
from convsweep.errors import UserError
from convsweep.naming import overrides
from convsweep.records.files import DamagedError, read_file
from convsweep.records.mixtures import commit_name, mixture
from convsweep.records.provenance import DIFF, ENVIRONMENT, Changes, read_changes
from convsweep.records.sweep import Sweep, sweep_directory

# named first, as they decide numbers; all others are listed after them
PACKAGES = ("convsweep", "numpy", "scipy", "mlxtend", "hydra-core", "mlflow", "matplotlib", "pandas")


class Origin(NamedTuple):
    """What it takes to run it again."""

    sweep_command: str  # empty: not one sweep's runs
    best_run_command: str  # empty: no run has finished
    facts: tuple[tuple[str, str], ...]  # what, and its value
    packages: tuple[tuple[str, str], ...]  # name, version
    diff: str  # uncommitted changes, to be read; empty: none, not known, or not asked for
    diff_file: str  # their address as a file, whose bytes are those that were recorded


def find_origin(
    runs: Sequence[Run], best: Run | None, sweep: Sweep | None, mlruns: Path, *, with_diff: bool = False
) -> Origin:
    """Read it from the sweep's directory and the runs' results; the uncommitted changes themselves if asked for."""
    results = [run.result for run in runs if run.result is not None]
    facts = []
    if sweep is not None:
        facts += [
            ("sweep", sweep.id),
            ("launched", f"{_time(sweep.created)} by {sweep.user} on {sweep.host}"),
            ("state", sweep.state + (f", {_time(sweep.ended)}" if sweep.ended is not None else "")),
        ]
    for what, values in (
        ("trained on", [attempt.host or "" for result in results for attempt in result.attempts or (result,)]),
        ("data read from", [result.data_source for result in results]),
        ("data digest (sha256 of the arrays)", [result.data_digest for result in results]),
        ("digest of the code that computes results", [result.code_digest for result in results]),
    ):
        facts += [(what, value) for value in dict.fromkeys(values)]
    environment: dict[str, object] = {}
    diff = b""
    if sweep is not None:
        facts += _code(sweep)
        directory = sweep_directory(mlruns, sweep.id)
        environment, changes = _environment(directory), read_changes(directory)
        facts.append(("uncommitted changes", _in_words(changes, sweep.git_commit, shown=with_diff)))
        diff = changes.diff if with_diff else b""
    if mixed := mixture(results):
        facts.append(("not all alike", mixed))
    facts += [(what, str(environment[what])) for what in ("cpu", "platform", "python", "blas") if what in environment]
    return Origin(
        sweep_command=_command(sweep.command) if sweep is not None else "",
        best_run_command=_command(overrides(best.values)) if best is not None else "",
        facts=tuple(facts),
        packages=_packages(environment),
        diff=diff.decode(errors="replace"),
        diff_file=f"data:application/octet-stream;base64,{base64.b64encode(diff).decode()}",
    )


def _code(sweep: Sweep) -> list[tuple[str, str]]:
    """Return the code of a sweep's launches: the commit, and of several each launch with its host and changes."""
    alike = {(launched.code, launched.host) for launched in sweep.launches}
    if len(alike) < 2 and all(code.commit == sweep.git_commit for code, _ in alike):
        return [("git commit", sweep.git_commit or "not recorded: not run from a git checkout")]
    return [
        (
            f"launch {number}",
            f"{_time(launched.time)} by {launched.user} on {launched.host}: "
            + (commit_name(launched.commit, launched.diff) or "not run from a git checkout"),
        )
        for number, launched in enumerate(sweep.launches, 1)
    ]


def _in_words(changes: Changes, commit: str | None, *, shown: bool) -> str:
    if not changes.are_there:
        return "none" if commit else "not known"
    named = f"in {counted(len(changes.files), 'file')}: {', '.join(changes.files)}" if changes.files else "yes"
    if changes.not_written:
        return f"{named} (not recorded: {changes.not_written})"
    return f"{named} (see below)" if shown else f"{named} (not on this page: the sweep's record holds them, {DIFF})"


def _command(words: Sequence[str]) -> str:
    return shlex.join(["convsweep", "train", *words])


def _environment(directory: Path) -> dict[str, object]:
    try:
        found = json.loads(_read(directory / ENVIRONMENT))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _read(path: Path) -> bytes:
    try:
        return read_file(path) or b""
    except (DamagedError, UserError):
        return b""


def _packages(environment: dict[str, object]) -> tuple[tuple[str, str], ...]:
    found = environment.get("packages")
    versions = {str(name): str(version) for name, version in found.items()} if isinstance(found, dict) else {}
    order = [*(name for name in PACKAGES if name in versions), *(name for name in versions if name not in PACKAGES)]
    return tuple((name, versions[name]) for name in order)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")  # noqa: DTZ006 - local time, as sweeps' ids
