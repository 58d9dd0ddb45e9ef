"""The Pareto front, by comparing every two points."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsweep.compare.statistics.pareto import pareto_front


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12))
def test_the_front_is_what_no_other_point_dominates(points):
    """Few different values, so that ties and equal points are frequent."""

    def dominates(one, other):
        return one != other and one[0] <= other[0] and one[1] >= other[1]

    expected = [not any(dominates(one, point) for one in points) for point in points]
    costs, scores = [cost for cost, _ in points], [score for _, score in points]
    assert pareto_front(costs, scores).tolist() == expected


def test_points_of_different_number_or_without_a_score_are_refused():
    with pytest.raises(ValueError, match=r"'score' must have as many values as 'cost', 2 \(got 1\)"):
        pareto_front([1.0, 2.0], [0.9])
    with pytest.raises(ValueError, match="'score' must be finite"):
        pareto_front([1.0], [np.nan])
