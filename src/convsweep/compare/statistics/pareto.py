"""Time against accuracy: which runs are worth their cost."""

import numpy as np
import numpy.typing as npt

from convsweep.compare.statistics.checks import finite


def pareto_front(cost: npt.ArrayLike, score: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which points no other one dominates.

    A point dominates another if it costs no more and scores no less, and is better in one of the two. Points that are
    equal in both don't dominate each other: all of them are on the front, or none.

    Args:
        cost: ``[n]``, lower is better.
        score: ``[n]``, higher is better.

    >>> pareto_front([1.0, 2.0, 3.0, 3.0], [0.8, 0.9, 0.85, 0.95]).tolist()
    [True, True, False, True]
    """
    costs, scores = finite("cost", cost), finite("score", score)
    if costs.shape != scores.shape:
        raise ValueError(f"'score' must have as many values as 'cost', {len(costs)} (got {len(scores)}).")
    front = np.zeros(len(costs), np.bool_)
    best_score, its_cost = -np.inf, np.inf  # of all that cost no more
    for point in np.lexsort([-scores, costs]):  # cheapest first; of equal cost, the best first
        if scores[point] > best_score:
            best_score, its_cost = scores[point], costs[point]
        front[point] = scores[point] == best_score and costs[point] == its_cost
    return front
