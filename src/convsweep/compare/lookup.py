"""What a word on the command line means: a sweep, a configuration or a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from convsweep.compare.comparison import Standing, compare_runs
from convsweep.compare.configurations import Configuration
from convsweep.compare.runs import Run, load_run, load_runs
from convsweep.compare.sentences import answer
from convsweep.errors import UserError
from convsweep.records.journal import run_directory
from convsweep.records.sweep import Sweep, find_sweep, read_sweeps

SHORTEST_KEY = 4  # characters that are enough of a run key, if no other one begins so


class Subject(NamedTuple):
    """What is compared: runs that finished, and differ in their seeds only."""

    name: str
    runs: tuple[Run, ...]  # one at least, in the order of their seeds
    is_chosen: bool = False  # as the best of its sweep: it is ahead by luck, too


def find_subject(mlruns: Path, word: str) -> Subject:
    """Return what is meant: `best` or a sweep's id (its best configuration), a run's name or key, a configuration.

    Raises:
        UserError: There is no such thing, several have that name, or it hasn't finished.
    """
    sweeps = read_sweeps(mlruns)
    sweep = find_sweep(mlruns) if word == "best" else next((one for one in sweeps if one.id == word), None)
    if sweep is not None:
        run = _best_run(mlruns, sweep)
        best = next(one.configuration for one in _standings(mlruns, sweep) if run in one.configuration.runs)
        return _of(best, word)._replace(is_chosen=True)
    keys = _run_keys(mlruns, word, sweeps)
    if keys:
        run = _finished_run(mlruns, keys, word)
        return Subject(run.name, (run,))
    named = {_run_keys_of(one.configuration): (one, of.id) for of in sweeps for one in _standings(mlruns, of, word)}
    # of several, the one that has the runs of all others, too: a sweep that was given more seeds
    widest = max(named, key=len, default=())
    if any(not set(keys) <= set(widest) for keys in named):
        ids = ", ".join(sweep_id for _, sweep_id in named.values())
        raise UserError(
            f"'{word}' must name one configuration (there is one in each of {ids}: give runs by their keys)."
        )
    found = [named[widest][0]] if named else _standings(mlruns, None, word)
    if found:
        return _of(found[0].configuration, word)._replace(is_chosen=found[0].relation == "best")
    raise UserError(f"There is no run, configuration or sweep '{word}' in '{mlruns}': `convsweep compare` lists them.")


def find_run(mlruns: Path, word: str) -> Run:
    """Return the finished run that is meant: `best` (of the last sweep), a run's name or key.

    Raises:
        UserError: There is no such run, several have that name, or it hasn't finished.
    """
    if word == "best":
        return _best_run(mlruns, find_sweep(mlruns))
    keys = _run_keys(mlruns, word, read_sweeps(mlruns))
    if not keys:
        raise UserError(f"There is no run '{word}' in '{mlruns}': give `best`, a run's name or a run key.")
    return _finished_run(mlruns, keys, word)


def _best_run(mlruns: Path, sweep: Sweep) -> Run:
    comparisons = [one for one in compare_runs(load_runs(mlruns, sweep), sweep.axes) if one.leader is not None]
    if len(comparisons) > 1:
        groups = "; ".join(one.group for one in comparisons)
        raise UserError(
            f"'best' must be one run (those of sweep {sweep.id} were judged on different images: {groups})."
        )
    if not comparisons:
        raise UserError(f"No run of sweep {sweep.id} has finished, or each configuration diverged with some seed.")
    found = comparisons[0].best_run
    if found is None:
        raise UserError(f"'best' must be one run. {answer(comparisons[0])}")
    return found


def _standings(mlruns: Path, sweep: Sweep | None, name: str | None = None) -> list[Standing]:
    """Return where a sweep's configurations stand, or those of this name; without a sweep, those of all runs."""
    comparisons = compare_runs(load_runs(mlruns, sweep), sweep.axes if sweep else ())
    standings = [standing for comparison in comparisons for standing in comparison.standings]
    return [one for one in standings if name is None or one.configuration.name == name]


def _run_keys_of(configuration: Configuration) -> tuple[str, ...]:
    return tuple(run.run_key for run in configuration.runs)


def _of(configuration: Configuration, word: str) -> Subject:
    if not configuration.finished:
        raise UserError(f"'{word}' must have a finished run to be compared (none of {len(configuration.runs)} is).")
    name = configuration.name if configuration.name == word else f"{configuration.name} ({word})"
    return Subject(name, configuration.finished)


def _run_keys(mlruns: Path, word: str, sweeps: Sequence[Sweep]) -> list[str]:
    """Return the keys of the runs that a word may mean: those that begin so, or else those of jobs with this name."""
    folder = mlruns / "runs"
    known = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    beginning = [key for key in known if key.startswith(word)] if len(word) >= SHORTEST_KEY else []
    named = [job.run_key for sweep in sweeps for job in sweep.jobs if job.name == word]
    return sorted(beginning) or list(dict.fromkeys(named)) or _keys_of_long_name(mlruns, word)


def _keys_of_long_name(mlruns: Path, word: str) -> list[str]:
    """Return the keys of the runs that have this name where the runs of all sweeps are listed."""
    return [run.run_key for run in load_runs(mlruns) if run.name == word]


def _finished_run(mlruns: Path, keys: Sequence[str], word: str) -> Run:
    if len(keys) > 1:
        raise UserError(f"'{word}' must name one run (it may be any of {', '.join(keys)}: give a key).")
    directory = run_directory(mlruns, keys[0])
    run = load_run(directory, None if keys[0].startswith(word) else word)
    if run is None or run.outcome != "finished":
        state = "not begun, or damaged" if run is None else run.outcome
        raise UserError(f"Run '{word}' must be finished (it is {state}; its record: '{directory}').")
    return run
