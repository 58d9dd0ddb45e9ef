"""The headings of a report's sections: what each picture shows, in a sentence."""

from collections.abc import Sequence

from convsweep.compare.comparison import Comparison
from convsweep.compare.effects import Effects, Interaction
from convsweep.compare.report.curves import Curves
from convsweep.compare.report.hard_images import HardImages
from convsweep.compare.report.inside import BestRun
from convsweep.compare.report.tradeoffs import Budget, TimeAgainstAccuracy
from convsweep.compare.sentences import counted, percent, points, step_name
from convsweep.compare.statistics.effects import VarianceShares
from convsweep.compare.statistics.intervals import Interval
from convsweep.naming import as_text, column


def leaderboard(comparison: Comparison) -> str:
    """Say how many configurations can't be told from the best, and how many can."""
    leader, candidates = comparison.leader, comparison.candidates
    if leader is None:
        return "No configuration was compared"
    name = leader.configuration.name
    if comparison.best is None:
        return f"Not decided: {comparison.higher_left_out[0].configuration.name} was left out and has a higher mean"
    if comparison.method == "none":
        return f"{name} is ahead; nothing was tested"
    others = len(comparison.compared) - 1
    if not candidates:
        return (
            f"{name} is best: {'the other one' if others == 1 else f'each of the {others} others'} can be told from it"
        )
    return f"{name} is ahead, but {counted(len(candidates), 'configuration')} of {others} may be as good or better"


def effects(found: Effects) -> str:
    """Name the largest step whose interval leaves 0 out."""
    certain = [step for step in found.steps if _leaves_out_zero(step.effect.interval)]
    if not certain:
        return "No step of a hyperparameter changes accuracy for certain: every interval holds 0"
    largest = max(certain, key=lambda step: abs(step.effect.mean))
    others = len(found.steps) - len(certain)
    rest = f"; {others} of {len(found.steps)} steps may do nothing" if others else ""
    return f"{step_name(largest)} changes accuracy by {points(largest.effect.mean)} points{rest}"


def shares(keys: Sequence[str], found: VarianceShares) -> str:
    """Name what most of the variance comes from."""
    largest = max(shares_by_name(keys, found), key=lambda share: share[1])
    return f"{_capital(largest[0])}: {largest[1]:.0%} of the variance between runs"


def shares_by_name(keys: Sequence[str], found: VarianceShares) -> list[tuple[str, float]]:
    """Return every share with a name, all of which add up to 1."""
    names = [column(key) for key in keys]
    named = [(name, share) for name, share in zip(names, found.main, strict=True)]
    named += [(f"{names[a]} with {names[b]}", share) for (a, b), share in found.pairs.items()]
    if len(keys) > 2:
        named.append(("three and more together", found.higher))
    if found.between_seeds is not None:
        named.append(("seeds alone", found.between_seeds))
    return named


def interaction(found: Interaction) -> str:
    """Name the best two levels."""
    (row, value), cell = max(found.cells.items(), key=lambda item: item[1].mean)
    return (
        f"{column(found.row_key)} {as_text(row)} with {column(found.column_key)} {as_text(value)} does best: "
        f"{percent(cell.mean)} on average"
    )


def budget(found: Budget) -> str:
    """Say what half the tries would have given up."""
    tries = len(found.valid)
    half = tries // 2
    lost = float(found.valid[-1] - found.valid[half - 1])
    return f"With half the tries, {half:,} instead of {tries:,}, accuracy would be {100 * lost:.2f} points lower"


def time(found: TimeAgainstAccuracy) -> str:
    """Name the configurations that nothing faster beats."""
    names = [standing.configuration.name for standing in found.front]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"Nothing that took less time was more accurate than {shown}"


def curves(found: Curves) -> str:
    """Say what the best one still gained in its last epoch."""
    if not found.named:
        return "How accuracy on valid grew"
    best = found.named[0]
    name = best.standing.configuration.name
    if len(best.epochs) < 2:
        return f"{name} was evaluated once"
    gain = float(best.mean[-1] - best.mean[-2])
    return f"{name} changed by {points(gain)} points in its last epoch"


def best_run(found: BestRun) -> str:
    """Say how many images of ``test`` it gets right, and which class is hardest."""
    if found.confusion is None or not found.hardest:
        return f"The best run: {found.run.name}"
    total, hardest = int(found.confusion.sum()), " and ".join(one.name for one in found.hardest)
    return (
        f"The best run gets {found.num_correct} of {total} test images right "
        f"({percent(found.num_correct / total)}); hardest: {hardest}"
    )


def hard_images(found: HardImages) -> str:
    """Say how many images most runs get wrong."""
    if found.num_images == 0:
        return "The images that most runs get wrong"
    runs = counted(found.num_runs, "run")
    return f"{found.num_hard} of {found.num_images:,} images are wrong in more than half of {runs}"


def _leaves_out_zero(interval: Interval) -> bool:
    return interval.low > 0 or interval.high < 0


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith(("seeds", "three")) else text
