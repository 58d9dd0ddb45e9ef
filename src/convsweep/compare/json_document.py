"""All that a comparison found, as JSON: numbers not rounded, ``null`` where there is none."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from convsweep.compare.comparison import Comparison, Estimate, Standing
from convsweep.compare.effects import Effects, find_effects
from convsweep.compare.next_step import next_step
from convsweep.compare.sentences import answer, confidence, left_out, method
from convsweep.records.sweep import Sweep


def to_json(comparisons: Sequence[Comparison], sweep: Sweep | None, mlruns: Path) -> str:
    """Return the comparisons of a sweep, or of all runs, as JSON.

    An interval is ``[low, high]``; an end that nothing bounds is ``null``. Accuracies are 0..1, losses nats.
    """
    step = next_step(comparisons, sweep, mlruns)
    document = {
        "sweep": sweep.id if sweep else None,
        "comparisons": [_comparison(found) for found in comparisons],
        "next": step and step._asdict(),
    }
    return json.dumps(_finite(document), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "judged_on": comparison.group,
        "num_valid": comparison.num_valid,
        "num_test": comparison.num_test,
        "decided": comparison.best is not None,
        "answer": answer(comparison),
        "confidence": confidence(comparison),
        "left_out": left_out(comparison),
        "method": method(comparison),
        "compared_by": comparison.method,
        "num_seeds_in_common": comparison.num_seeds,
        "seeds_in_common": [{"seed": seed, "order_seed": order} for seed, order in comparison.seeds],
        "varied": comparison.keys,
        "best_run": comparison.best_run.run_key if comparison.best_run else None,
        "configurations": [_standing(standing) for standing in comparison.standings],
        "effects": _effects(comparison.keys, find_effects(comparison)),
    }


def _standing(standing: Standing) -> dict[str, Any]:
    configuration = standing.configuration
    finished = bool(configuration.finished)
    return {
        "name": configuration.name,
        "values": configuration.values,
        "relation": standing.relation,
        "p": standing.p,
        "n": len(standing.runs),
        "num_diverged": configuration.num_diverged,
        "valid_accuracy": _estimate(standing.valid),
        "test_accuracy": _estimate(standing.test),
        "valid_loss": configuration.valid_loss if finished else None,
        "seconds": configuration.seconds if finished else None,
        "runs": [
            {
                "run_key": run.run_key,
                "outcome": run.outcome,
                "seed": run.values.get("train.seed"),
                "order_seed": run.values.get("train.order_seed"),
                "valid_accuracy": run.valid_accuracy,
                "valid_loss": run.valid_loss,
                "test_accuracy": run.test_accuracy,
                "test_loss": run.test_loss,
            }
            for run in configuration.runs
        ],
    }


def _estimate(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else {"mean": estimate.mean, "interval": estimate.interval}


def _effects(keys: Sequence[str], effects: Effects) -> dict[str, Any]:
    """Return effects; the intervals of all steps hold at once in 95%, and shares' p are those of all shares at once."""
    shares, interaction = effects.shares, effects.interaction
    return {
        "steps": [
            {"key": step.key, "from": step.baseline, "to": step.level, "pairs": step.pairs._asdict()}
            | {name: value for name, value in step.effect._asdict().items() if name != "num_pairs"}
            for step in effects.steps
        ],
        "levels_with_diverged_runs": [{**found._asdict(), "runs": found.runs._asdict()} for found in effects.diverged],
        "shares_of_variance": shares
        and {
            "main": {key: share._asdict() for key, share in zip(keys, shares.main, strict=True)},
            "pairs": [{"keys": [keys[a], keys[b]], **share._asdict()} for (a, b), share in shares.pairs.items()],
            "higher": shares.higher and shares.higher._asdict(),
            "residual": shares.residual,
            "num_seeds": shares.num_seeds,
        },
        "no_shares_because": effects.no_shares or None,
        "interaction": interaction
        and {
            "rows": interaction.row_key,
            "columns": interaction.column_key,
            "cells": [
                {"row": row, "column": column, **cell._asdict(), "runs": cell.runs._asdict()}
                for (row, column), cell in interaction.cells.items()
            ],
        },
    }


def _finite(value: object) -> object:
    """Return the same with ``None`` for numbers that JSON has no word for."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case str():
            return value
        case Mapping():
            return {key: _finite(content) for key, content in value.items()}
        case Sequence():
            return [_finite(content) for content in value]
        case _:
            return value
