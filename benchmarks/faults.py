"""Kill convsweep's processes at random, repeat the command until it ends, and check that nothing was lost or doubled.

    python benchmarks/faults.py --trials 60 --jobs 2     about 6 minutes on two cores
    python benchmarks/faults.py --trials 1 --seed 17     the trial that was printed with seed 17, once more (times are
                                                         shares of what the sweep takes undisturbed, this time)

Each trial is a sweep of 6 jobs, in two stacks, in a folder of its own. In one to three of its launches the main
process, a worker, the mirror or all of them are killed with SIGKILL: after a random time, or right before a random
file operation of their own. Afterwards the folder must be what an undisturbed sweep leaves: see ``trials/checks.py``.
"""

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])  # run as a file, this would be the folder that it lies in

from benchmarks.readme import FAULTS, write_block
from benchmarks.trials.checks import KINDS
from benchmarks.trials.trial import Outcome, make_template, run_trial, run_undisturbed

MOST = 5  # problems printed of a trial


def main() -> None:
    """Run trials; exit with 1 if anything did not hold in one of them."""
    parser = argparse.ArgumentParser(description="Kill convsweep's processes at random; check that nothing is lost.")
    parser.add_argument("--trials", type=int, default=60, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the first trial; the next has S + 1")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="trials at a time (default: %(default)s)")
    parser.add_argument("--without-mlflow", action="store_true", help="kill and check what trains and records only")
    parser.add_argument("--readme", action="store_true", help="write the summary into benchmarks/README.md")
    arguments = parser.parse_args()
    with_mlflow = not arguments.without_mlflow
    base = Path(tempfile.mkdtemp(prefix="convsweep_faults_"))
    undisturbed = run_undisturbed(base / "undisturbed", with_mlflow=with_mlflow)
    template = base / "template" if with_mlflow else None
    if template is not None:
        make_template(template)
    outcomes = []
    with ThreadPoolExecutor(arguments.jobs) as threads:
        trials = [
            threads.submit(run_trial, seed, base / f"seed_{seed}", undisturbed, template)
            for seed in range(arguments.seed, arguments.seed + arguments.trials)
        ]
        for trial in as_completed(trials):
            outcome = trial.result()
            outcomes.append(outcome)
            print("\n".join(_lines(outcome)), flush=True)
            if not outcome.problems:
                shutil.rmtree(outcome.folder)
    summary = list(_summary(outcomes, with_mlflow=with_mlflow))
    print("\n" + "\n".join(summary))
    if any(outcome.problems for outcome in outcomes):
        sys.exit(f"Folders of failed trials are kept: {base}")
    shutil.rmtree(base)
    if arguments.readme:
        write_block(FAULTS, summary)


def _lines(outcome: Outcome) -> Iterator[str]:
    """Say what came of a trial: one line, and one a problem."""
    kills = ", ".join(map(str, outcome.kills)) or "nobody hit"
    start = "fresh folder, " if outcome.fresh else ""
    verdict = "FAILED" if outcome.problems else "ok"
    effort = f"{outcome.launches} launches, {outcome.seconds:.1f} s"
    yield f"seed {outcome.seed:4}: {verdict:6} {start}killed {kills}; {effort}"
    for problem in outcome.problems[:MOST]:
        yield f"           {problem.kind}: {problem.text}"
    if len(outcome.problems) > MOST:
        yield f"           and {len(outcome.problems) - MOST} problems more"
    if outcome.problems:
        yield f"           see {outcome.folder}"


def _summary(outcomes: Sequence[Outcome], *, with_mlflow: bool) -> Iterator[str]:
    """Say how many trials and kills there were, and how many of each kind of problem they led to."""
    kills = [kill for outcome in outcomes for kill in outcome.kills]
    victims = Counter(kill.victim for kill in kills)
    before_operations = sum(kill.operation is not None for kill in kills)
    store = "MLflow told and checked" if with_mlflow else "MLflow told nothing"
    yield f"{len(outcomes)} trials ({sum(outcome.fresh for outcome in outcomes)} in a fresh folder), {store}"
    yield f"{len(kills)} kills: " + ", ".join(f"{victim} {count}" for victim, count in sorted(victims.items()))
    yield f"{before_operations} of them right before a file operation, the others after a random time"
    missed = sum(len(outcome.missed) for outcome in outcomes)
    yield f"{missed} more hit nobody: their victim was not there, or had ended"
    found = Counter(problem.kind for outcome in outcomes for problem in outcome.problems)
    for kind in KINDS:
        yield f"{kind:44}{found[kind]:5}"
    yield f"{'trials that failed':44}{sum(bool(outcome.problems) for outcome in outcomes):5}"


if __name__ == "__main__":
    main()
