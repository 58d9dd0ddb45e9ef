"""A run's predictions: of every image, in agreement with its result, and noticed when they are damaged."""

import numpy as np
import pytest
from sweeps_on_disk import record

from convsweep.data import load
from convsweep.records.files import DamagedError
from convsweep.records.journal import read_record, read_result
from convsweep.records.predictions import PREDICTIONS, SPLITS, load_predictions, save_predictions, to_rows
from convsweep.runs.stack import missing_files, run_stack


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Two runs that were trained as one stack."""
    return record(tmp_path_factory.mktemp("predictions"), ["train.seed=0"], ["train.seed=1"])


def test_predictions_agree_with_the_accuracies_of_the_result(recorded):
    splits = load(recorded.jobs[0].config.data).splits
    for number, job in enumerate(recorded.jobs):
        predictions, result = load_predictions(recorded.run(number)), read_result(job.directory)
        for split, accuracy in zip(SPLITS, (result.valid_accuracy, result.test_accuracy), strict=True):
            rows = predictions[split]
            np.testing.assert_array_equal(rows["label"], getattr(splits, split).labels)
            assert (rows["digit"] == rows["label"]).mean() == accuracy
            assert ((rows["probability"] >= 0.1) & (rows["probability"] <= 1)).all()  # the largest of ten


def test_a_row_holds_label_most_probable_class_and_its_probability():
    rows = to_rows(np.array([2, 0]), np.array([[0.25, 0.25, 0.5], [0.125, 0.75, 0.125]]))
    assert rows.tolist() == [(2, 2, 0.5), (0, 1, 0.75)]


def test_a_flipped_or_missing_byte_is_noticed(tmp_path):
    rows = to_rows(np.arange(3) % 2, np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]]))
    save_predictions(tmp_path, {"valid": rows, "test": rows[:2]})
    path = tmp_path / PREDICTIONS
    whole = path.read_bytes()
    for place in range(len(whole)):
        cut = (whole[:place], whole[:place] + bytes(len(whole) - place))
        for damaged in (
            whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :],
            *(cut if place % 8 == 0 else ()),
        ):
            path.write_bytes(damaged)
            try:
                predictions = load_predictions(tmp_path)
            except DamagedError:
                continue
            # a byte that means nothing to a reader, such as a date in the archive's directory
            assert predictions["valid"].tolist() == rows.tolist(), place
            assert predictions["test"].tolist() == rows[:2].tolist(), place


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_the_same_run_makes_them_again(tmp_path, damage):
    copy = record(tmp_path, ["train.seed=0"])
    path = copy.run(0) / PREDICTIONS
    before = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(before[:-30])
    assert missing_files(read_record(copy.run(0))) == [PREDICTIONS]
    assert run_stack(copy.jobs) == {}
    assert path.read_bytes() == before
