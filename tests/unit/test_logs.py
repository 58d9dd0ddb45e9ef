"""Whole logs: places, windows, what is ignored, what is refused."""

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsweep.errors import UserError
from convsweep.reproduce.logs import describe, read_log
from convsweep.reproduce.reported import reported_numbers

STEPS = """a program of two epochs
--- Epoch 1 ---
[Step 100] Past 100 steps: Average Loss 2.254 | Accuracy: 18%
[Step 200] Past 100 steps: Average Loss 2.167 | Accuracy: 30%
--- Epoch 2 ---
[Step 100] Past 100 steps: Average Loss 0.540 | Accuracy: 81%
[Step 200] Past 100 steps: Average Loss 0.561 | Accuracy: 83%

--- Testing ---
Test Loss: 0.5979
Test Accuracy: 0.78
"""
KERAS = """Epoch 1/3
1000/5000 [=====>........................] - ETA: 2s - loss: 0.9000 - acc: 0.5000
5000/5000 [==============================] - 3s 613us/step - loss: 0.2433 - acc: 0.9276 - val_loss: 0.1 - val_acc: 0.96
Epoch 2/3
5000/5000 [==============================] - 3s 613us/step - loss: 0.1433 - acc: 0.9576 - val_loss: 0.2 - val_acc: 0.97
"""


def places(text):
    return [(*reading.place, reading.metric, reading.printed.value) for reading in read_log(text).readings]


def test_steps_below_headers_are_windows_of_their_epoch():
    found = places(STEPS)
    assert found[:2] == [("train", 1, 100, 100, "loss", 2.254), ("train", 1, 100, 100, "accuracy", 0.18)]
    assert found[-4:] == [
        ("train", 2, 200, 100, "loss", 0.561),
        ("train", 2, 200, 100, "accuracy", 0.83),
        ("test", 2, 0, 0, "loss", 0.5979),
        ("test", 2, 0, 0, "accuracy", 0.78),
    ]


def test_what_was_understood_and_ignored_is_told():
    log = read_log(STEPS)
    assert log.ignored == ("a program of two epochs", "--- Testing ---")
    first, last = describe(log)
    assert first == "The log: 10 numbers (8 of train, 2 of test) from 6 lines, 2 epochs; means of 100 steps."
    assert last == "Lines ignored: 'a program of two epochs'; '--- Testing ---'."


def test_finished_bars_are_means_of_their_epoch_and_unfinished_ones_are_ignored():
    log = read_log(KERAS)
    assert places(KERAS)[:4] == [
        ("train", 1, 0, 0, "loss", 0.2433),
        ("train", 1, 0, 0, "accuracy", 0.9276),
        ("valid", 1, 0, 0, "loss", 0.1),
        ("valid", 1, 0, 0, "accuracy", 0.96),
    ]
    assert (len(log.readings), log.epochs, log.num_steps) == (8, 3, 5000)
    assert "1000/5000" in log.ignored[0]


def test_steps_that_begin_anew_begin_an_epoch_where_none_is_named():
    found = places("Step 50: loss 2.0\nStep 100: loss 1.0\nStep 50: loss 0.9\nStep 100: loss 0.8\nTest loss: 0.7")
    assert [place[:4] for place in found] == [
        ("train", 1, 50, 50),
        ("train", 1, 100, 50),
        ("train", 2, 50, 50),
        ("train", 2, 100, 50),
        ("test", 2, 0, 0),
    ]


def test_missing_lines_make_no_larger_windows():
    found = places("Epoch 1\nStep 50: loss 2.0\nStep 100: loss 1.0\nStep 500: loss 0.9\nEpoch 7\nStep 450: loss 0.5\n")
    assert [place[3] for place in found] == [50, 50, 50, 450]


def test_an_epochs_last_window_may_be_shorter():
    assert [place[3] for place in places("step 50 loss 2.0\nstep 100 loss 1.0\nstep 120 loss 0.9")] == [50, 50, 20]


def test_a_test_above_all_training_is_one_of_the_untrained_network():
    found = places("Test loss: 2.303\nStep 50: loss 2.0\nTest loss: 1.9")
    assert [place[:2] for place in found] == [("test", 0), ("train", 1), ("test", 1)]


def test_epochs_counted_from_0_are_told_from_1():
    log = read_log("Epoch 0: loss 2.0\nEpoch 1: loss 1.0")
    assert [reading.place.epoch for reading in log.readings] == [1, 2]
    assert "The log counts epochs from 0." in log.notes


def test_accuracies_above_1_are_percent():
    assert [place[-1] for place in places("Epoch 1 acc: 0.5\nEpoch 2 acc: 91.25")] == [0.005, 0.9125]


def test_the_tutorials_table_is_read_as_its_own_reader_reads_it():
    log = read_log(files("convsweep.reproduce").joinpath("reported.csv").read_text())
    full = [row for row in reported_numbers() if row.place.experiment == "full"]
    assert [reading.printed.value for reading in log.readings] == [
        value for row in full for value in (row.loss, row.accuracy)
    ]
    assert [(reading.place.step, reading.place.window) for reading in log.readings[:-2:2]] == [
        (row.place.step, row.place.window) for row in full[:-1]
    ]
    assert log.epochs == 10


def test_places_that_are_no_number_are_a_finding():
    log = read_log("Step 500: loss = 1.2, accuracy = 0.5\nStep 1000: loss = nan, accuracy = 0.1")
    assert log.diverged
    assert "The program diverged: 1 are not finite, first at epoch 1, step 1000." in describe(log)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold a loss or an accuracy with its number, such as 'loss: 0.5' (got none)"),
        ("Epoch 1\nall is well\n", "must hold a loss or an accuracy"),
        ("Epoch 2 loss: 0.5\nEpoch 1 loss: 0.6", "must not go back: is it of one run? (got epoch 1 after epoch 2"),
        ("Epoch 1 loss: 0.5\nEpoch 1 loss: 0.6", "got two for epoch 1: 0.5, line 1, and 0.6, line 2"),
        ("Epoch 1\nstep 5 loss: 0.5\nstep 3 loss: 0.6", "steps must not go back within an epoch"),
        ("loss: -0.5", "losses must be >= 0 (got '-0.5', line 1)"),
        ("accuracy: 120%", "accuracies must be 0 to 1, or 0% to 100% (got '120%', line 1)"),
        ("epoch,step,loss\n1,ten,0.5", "must be whole numbers (got 'ten', line 2)"),
        ("epoch,step,loss\n1,10,bad", "must be numbers (got 'bad', line 2)"),
    ],
)
def test_nonsense_is_refused_in_one_line(text, message):
    with pytest.raises(UserError) as refused:
        read_log(text)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


STYLES = (
    "Step {step}: loss = {loss:.4f}, accuracy = {accuracy:.3f}",
    "[Step {step}] Past {window} steps: Average Loss {loss:.4f} | Accuracy: {percent:.1f}%",
    "\x1b[34m2026-01-01 00:00:00\x1b[0m epoch {epoch} | step {step} | train_loss={loss:.4f} train_acc={accuracy:.3f}",
    "Epoch [{epoch}/{epochs}], Step [{step}/{num}], Loss: {loss:.4f}, Acc: {percent:.1f} %",
    "working... \rEpoch {epoch}, iter {step}, training loss {loss:.4f}, training accuracy {accuracy:.3f}\r",
)


@given(
    style=st.sampled_from(STYLES),
    epochs=st.integers(1, 4),
    lines=st.integers(1, 4),
    window=st.sampled_from([50, 100, 1000]),
    chatter=st.sampled_from(["", "Hello, world", "eta 00:10, lr 0.005", "-----"]),
    data=st.data(),
)
def test_what_a_program_prints_is_read_back(style, epochs, lines, window, chatter, data):
    numbers = st.tuples(st.integers(0, 50_000).map(lambda n: n / 10_000), st.integers(0, 1000).map(lambda n: n / 1000))
    text, expected = [], []
    for epoch in range(1, epochs + 1):
        text += [chatter, f"--- Epoch {epoch} ---", chatter]
        for line in range(1, lines + 1):
            loss, accuracy = data.draw(numbers)
            step = line * window
            text.append(
                style.format(
                    epoch=epoch,
                    epochs=epochs,
                    step=step,
                    num=lines * window,
                    window=window,
                    loss=loss,
                    accuracy=accuracy,
                    percent=100 * accuracy,
                )
            )
            expected += [("train", epoch, step, window, "loss", loss)]
            expected += [("train", epoch, step, window, "accuracy", pytest.approx(accuracy))]
    assert places("\n".join(text)) == expected


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        log = read_log(text)
    except UserError as refused:
        message = str(refused)
    else:
        message = describe(log)[0]
    assert message
    assert "\n" not in message
