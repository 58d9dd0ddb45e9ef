"""The headings of a report's sections: what each picture shows, in a sentence."""

from collections.abc import Sequence

from convsweep.compare.comparison import Comparison
from convsweep.compare.effects import Effects, Interaction
from convsweep.compare.report.curves import Curves
from convsweep.compare.report.hard_images import HardImages
from convsweep.compare.report.inside import BestRun
from convsweep.compare.report.tradeoffs import CHANCE, Budget, TimeAgainstAccuracy
from convsweep.compare.sentences import counted, percent, points, points_interval, step_name
from convsweep.compare.statistics.effects import VarianceShares
from convsweep.naming import as_text, column

LEVEL = 0.05


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
        which = "the other one" if others == 1 else f"each of the {others} others"
        return f"{name} is best: {which} that was compared can be told from it"
    return f"{name} is ahead, but {counted(len(candidates), 'configuration')} of {others} may be as good or better"


def effects(found: Effects) -> str:
    """Name the largest step whose interval leaves 0 out, by that interval: all of them hold at once."""
    certain = [step for step in found.steps if step.is_certain]
    if not certain:
        return "No step of a hyperparameter changes accuracy for certain: every interval holds 0"
    # survivors come last: where others diverged, they say little of their level
    largest = max(certain, key=lambda step: (step.pairs.diverged == 0, abs(step.effect.mean)))
    pairs, others = largest.pairs, len(found.steps) - len(certain)
    return (
        f"{step_name(largest)} changes accuracy by {points_interval(largest.effect.interval)} points"
        + (f" in the {pairs.finished} of {pairs.total} pairs that are left ({pairs.lost})" if pairs.lost else "")
        + (" with this one seed" if largest.effect.unit == "setting" else "")
        + (f"; {others} of {len(found.steps)} steps may do nothing" if others else "")
    )


def shares(keys: Sequence[str], found: VarianceShares) -> str:
    """Name the largest share that is more than 0 for certain, beside that of seeds."""
    *named, (_, residual, _) = shares_by_name(keys, found)
    certain = [(name, share) for name, share, p in named if share > 0 and (p is None or p < LEVEL)]
    if not certain:
        beside = f"; seeds alone: about {residual:.0%}" if found.num_seeds > 1 else ""
        return f"So few runs don't tell any hyperparameter's share of the variance between runs{beside}"
    name, share = max(certain, key=lambda one: one[1])
    beside = f"seeds alone: about {residual:.0%}" if found.num_seeds > 1 else "with one seed that is not tested"
    return f"{_capital(name)}: about {share:.0%} of the variance between runs; {beside}"


def shares_by_name(keys: Sequence[str], found: VarianceShares) -> list[tuple[str, float, float | None]]:
    """Return the name, the estimate and the p of every share; what is left comes last."""
    names = [column(key) for key in keys]
    higher = "three and more together" if len(keys) > 2 else " with ".join(names)
    named = [(name, *share) for name, share in zip(names, found.main, strict=True)]
    named += [(f"{names[a]} with {names[b]}", *share) for (a, b), share in found.pairs.items()]
    if found.higher is not None:
        named.append((higher, *found.higher))
    return [*named, ("seeds alone" if found.num_seeds > 1 else f"{higher}, and seeds", found.residual, None)]


def interaction(found: Interaction) -> str:
    """Name the two levels with the highest mean of those that lost no run, and how many may be as good."""
    whole = {levels: cell for levels, cell in found.cells.items() if not cell.runs.lost}
    if not whole:
        return f"No combination of {column(found.row_key)} and {column(found.column_key)} has all its runs"
    levels = max(whole, key=lambda levels: whole[levels].mean or 0)
    highest = whole[levels]
    of = counted(len(whole), "combination") + ("" if len(whole) == len(found.cells) else " that lost no run")
    finding = f"{_levels(found, levels)} has the highest mean of {of}: {percent(highest.mean)}"
    others = sum(cell.may_be_highest or False for cell in whole.values()) - 1
    if highest.may_be_highest is None:
        finding += "; it was not tested against others"
    else:
        finding += f"; {counted(others, 'other')} may be as good" if others else "; all others can be told from it"
    for levels, cell in found.cells.items():
        if cell.runs.lost and cell.mean is not None and cell.mean > (highest.mean or 0):
            runs = f"the {cell.runs.finished} of {cell.runs.total} runs that finished ({cell.runs.lost})"
            finding += f"; {_levels(found, levels)}: {percent(cell.mean)} on average of {runs}"
    return finding


def budget(found: Budget) -> str:
    """Say what half the tries would have given up."""
    tries = len(found.valid)
    half = tries // 2
    lost = float(found.valid[-1] - found.valid[half - 1])
    diverged = (
        f", if the {found.num_diverged:,} of which runs diverged count as {CHANCE:.0%}" if found.num_diverged else ""
    )
    return (
        f"The best of half the tries, {half:,} instead of {tries:,}, would be {100 * lost:.2f} points lower "
        f"on average{diverged}"
    )


def time(found: TimeAgainstAccuracy) -> str:
    """Name the configurations that nothing faster beats."""
    names = [standing.configuration.name for standing in found.front]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    diverged = f" ({found.num_diverged:,} left out of which runs diverged)" if found.num_diverged else ""
    return f"Nothing that took less time was more accurate than {shown}{diverged}"


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
    runs = counted(found.num_runs, "finished run")
    return f"{found.num_hard} of {found.num_images:,} images are wrong in more than half of {runs}"


def _levels(found: Interaction, levels: tuple[object, ...]) -> str:
    row, value = map(as_text, levels)
    return f"{column(found.row_key)} {row} with {column(found.column_key)} {value}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith(("seeds", "three")) else text
