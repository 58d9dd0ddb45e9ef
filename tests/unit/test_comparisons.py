"""The picture of many runs: names on an axis that can be read, whatever differs between the runs."""

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from convsweep.pictures.comparisons import comparison


def draw(lost=(), **columns):
    accuracies = np.random.default_rng(0).uniform(0.9, 0.95, len(next(iter(columns.values()))))
    accuracies[list(lost)] = np.nan
    return comparison(accuracies.tolist(), columns)


def drawn(**columns):
    """Return a comparison's panels as they are saved: laid out, at its resolution."""
    figure = draw(**columns)
    figure.set_dpi(110)
    FigureCanvasAgg(figure).draw()
    return figure.axes


def labels(axes):
    """Return what is written along a panel's horizontal axis, from left to right: texts and their places in pixels."""
    panel = axes.get_window_extent()
    written = [(label.get_text(), label.get_window_extent()) for label in axes.get_xticklabels()]
    seen = [(text, at) for text, at in written if text and panel.x0 <= (at.x0 + at.x1) / 2 <= panel.x1]
    return sorted(seen, key=lambda label: label[1].x0)


def texts(axes):
    return [text for text, _ in labels(axes)]


RANDOM = np.random.default_rng(1)
COLUMNS = {
    "300 seeds": range(300),
    "300 large seeds": RANDOM.integers(0, 2**32, 300),
    "seeds as text": [str(seed) for seed in range(300)],
    "300 learning rates over three decades": 10 ** RANDOM.uniform(-4, -1, 300),
    "300 scales between 0.5 and 2": RANDOM.uniform(0.5, 2, 300),
    "5 learning rates": [0.001, 0.002, 0.005, 0.01, 0.02],
    "12 learning rates": 10 ** RANDOM.uniform(-4, -1, 12),
    "13 learning rates": 10 ** RANDOM.uniform(-4, -1, 13),
    "300 texts": [f"/a/folder/number {i}/of a long name" for i in range(300)],
    "10 texts of three letters": [f"no{i}" for i in range(10)],
    "two texts": ["[]", "[conv, dense]"],
    "switches": [True, False],
}


@pytest.mark.parametrize("panels", [1, 3])
@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)
def test_labels_of_an_axis_do_not_overlap(values, panels):
    columns = {f"column {number}": values for number in range(panels)}
    for axes in drawn(**columns):
        extents = [at for _, at in labels(axes)]
        assert len(extents) >= 2
        assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(extents))


@pytest.mark.parametrize("seeds", [range(300), [str(seed) for seed in range(300)]], ids=["numbers", "text"])
def test_many_numbers_stand_where_they_belong(seeds):
    (axes,) = drawn(seed=seeds)
    assert axes.collections[0].get_offsets()[:, 0].tolist() == list(range(300))
    assert axes.get_xscale() == "linear"


def test_many_fractions_over_decades_stand_on_a_logarithmic_axis():
    (axes,) = drawn(learning_rate=np.geomspace(1e-4, 1e-1, 50))
    assert axes.get_xscale() == "log"
    assert {"0.001", "0.01"} <= set(texts(axes))


def test_few_values_are_named_all_in_order_and_side_by_side():
    (axes,) = drawn(learning_rate=[0.02, 0.001, 0.005])
    assert texts(axes) == ["0.001", "0.005", "0.02"]
    assert axes.collections[0].get_offsets()[:, 0].tolist() == [2, 0, 1]


def test_texts_cut_to_the_same_name_stay_apart():
    (axes,) = drawn(place=[f"a text of many letters, {end}" for end in "abc"])
    assert axes.collections[0].get_offsets()[:, 0].tolist() == [0, 1, 2]


def test_where_a_run_did_not_finish_no_mean_is_drawn_as_that_of_the_others_would_flatter():
    figure = draw(lost=[3], learning_rate=[0.01, 0.01, 0.1, 0.1])
    (line,) = figure.axes[0].lines
    assert np.isnan(line.get_ydata()).tolist() == [False, True]
    assert line.get_label() == "mean, where all runs finished"


def test_means_are_joined_only_where_they_say_more_than_the_dots():
    lines = [len(drawn(seed=seeds)[0].lines) for seeds in (range(5), range(300), [*range(30)] * 10)]
    assert lines == [1, 0, 1]


def test_runs_that_did_not_finish_are_counted_but_not_drawn():
    figure = draw(lost=[1], seed=[0, 1, 2])
    _, accuracies = np.ma.getdata(figure.axes[0].collections[0].get_offsets()).T
    assert np.isnan(accuracies).tolist() == [False, True, False]
    assert figure.get_suptitle() == "2 runs, and 1 that diverged or did not finish"
