"""The figures of a run: which files there are, whole at any moment, the same whatever was drawn before."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from convsweep.data import load
from convsweep.hydra_app.compose import compose_run
from convsweep.nn.network import initial_parameters
from convsweep.nn.training import Diverged, Evaluation, Event, Window, initialization_rng
from convsweep.pictures import FIGURES
from convsweep.pictures.curves import _chart
from convsweep.pictures.figures import draw_figures
from convsweep.runs.training import class_probabilities


def draw(folder, *overrides, seed=0, diverges=False, weights=1.0):
    """Draw a run of two epochs as recorded, after a training that only multiplied the initial weights."""
    config = compose_run(["data.num_train=1000", "data.num_test=50", "train.epochs=2", *overrides])
    before = initial_parameters(config.model.num_filters, rng=initialization_rng(seed), padding=config.model.padding)
    events: list[Event] = [Evaluation(0, 0, "valid", 2.3, 0.1)]
    events += [Window(1 + step // 1001, step, 500 / step, 1 - 250 / step) for step in range(500, 2001, 500)]
    if diverges:
        events.append(Diverged(2, 2000))
    else:
        events += [Evaluation(2, 2000, "valid", 0.4, 0.88), Evaluation(2, 2000, "test", 0.4, 0.9)]
    after = before._replace(weights=before.weights * np.float32(weights))
    dataset = load(config.data)
    probabilities = class_probabilities(config, after, dataset.splits.test.images)
    draw_figures(folder, config, dataset, events, before=before, after=after, probabilities=probabilities)


@pytest.mark.parametrize(
    "settings",
    [{}, {"diverges": True}, {"diverges": True, "weights": 3e38}],
    ids=["finished", "diverged", "diverged with outputs that are not finite"],
)
def test_a_run_has_all_figures_and_no_other_file(tmp_path, settings):
    draw(tmp_path / "figures", **settings)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {f"{name}.png" for name in FIGURES}
    for name in FIGURES:
        with Image.open(tmp_path / "figures" / f"{name}.png") as picture:
            picture.load()
            assert picture.format == "PNG"
            assert len(np.unique(np.asarray(picture.convert("L")))) > 10  # no empty sheet


def test_figures_do_not_depend_on_the_runs_drawn_before(tmp_path):
    _chart.cache_clear()
    draw(tmp_path / "alone", seed=1)
    _chart.cache_clear()
    draw(tmp_path / "first", "model.num_filters=20", diverges=True)
    draw(tmp_path / "second", seed=1)
    for name in FIGURES:
        alone, second = ((tmp_path / folder / f"{name}.png").read_bytes() for folder in ("alone", "second"))
        assert alone == second, name


def test_a_figure_is_whole_whenever_it_is_read(tmp_path):
    draw(tmp_path)
    with ThreadPoolExecutor(1) as executor:
        drawing = executor.submit(lambda: [draw(tmp_path, seed=seed) for seed in range(5)])
        reads = 0
        while not drawing.done():
            for name in FIGURES:
                with Image.open(io.BytesIO((tmp_path / f"{name}.png").read_bytes())) as picture:
                    picture.load()  # raises OSError if it is cut
                reads += 1
        drawing.result()
    assert reads >= len(FIGURES)


def test_workers_draw_without_pandas_and_pyplot(tmp_path):
    """They import the drawing once training is over: what it doesn't need would be a cost of every process."""
    program = "import sys, convsweep.pictures.figures; print({'pandas', 'matplotlib.pyplot'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", program], cwd=tmp_path, text=True) == "set()\n"


def test_the_names_of_the_figures_cost_no_import_of_matplotlib(tmp_path):
    program = "import sys, convsweep.pictures; print({'matplotlib', 'PIL', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", program], cwd=tmp_path, text=True) == "set()\n"
