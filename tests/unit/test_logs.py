"""Whole logs: places, windows, what is ignored, what is refused."""

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsweep.errors import UserError
from convsweep.reproduce.log_description import describe
from convsweep.reproduce.logs import read_log
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
    first, window, test, last = describe(log)
    assert first == "The log: 10 numbers (8 of train, 2 of test) from 6 lines, 2 epochs; means of 100 steps."
    assert window == (
        "'[Step 100] Past 100 steps: Average Loss 2.254 | Accuracy: 18%' is read as training, epoch 1, step 100: "
        "loss 2.254, accuracy 0.18, the mean of 100 steps."
    )
    assert test == "'Test Loss: 0.5979' is read as test, epoch 2: loss 0.5979."
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
    assert (log.epochs, log.num_steps) == (10, None)


def test_places_that_are_no_number_are_a_finding():
    log = read_log("Step 500: loss = 1.2, accuracy = 0.5\nStep 1000: loss = nan, accuracy = 0.1")
    assert log.diverged
    assert "The program diverged: 1 of these numbers is not finite, the first at epoch 1, step 1000." in describe(log)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold a loss or an accuracy with its number, such as 'loss: 0.5' (got none)"),
        ("Epoch 1\nall is well\n", "must hold a loss or an accuracy"),
        ("Epoch 2 loss: 0.5\nEpoch 1 loss: 0.6", "must not go back: is it of one run? (got epoch 1 after epoch 2"),
        ("Epoch 1 loss: 0.5\nEpoch 1 loss: 0.6", "got two for epoch 1: 0.5, line 1, and 0.6, line 2"),
        ("Epoch 1/3 loss: 0.5\nEpoch 2/5 loss: 0.4", "its lines say 'of 3 epochs' and 'of 5 epochs'"),
        ("Epoch 4/3 loss: 0.5", "must not exceed their total (got epoch 4 of 3)"),
        ("loss: 12%", "(got none. Left out, for it is no loss or accuracy of one place: 'loss: 12%')"),
        (
            "--- Epoch 1 ---\nstep 5 loss: 0.5\n--- Epoch 1 ---\nstep 5 loss: 0.6",
            "is it of one run? (got two for epoch 1, step 5",
        ),
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


KERAS_3 = (
    "Epoch 1/2\n"
    "\x1b[1m 1/1000\x1b[0m \u2501\u2501 200ms/step - accuracy: 0.0 - loss: 2.3\x08\x08"
    "\r\x1b[1m1000/1000\x1b[0m \u2501\u2501 2s - accuracy: 0.75 - loss: 0.81"
    "\r1000/1000 \u2501\u2501 2s - accuracy: 0.76 - loss: 0.8 - val_loss: 0.3\n"
    "Epoch 2/2\n1000/1000 \u2501\u2501 2s - accuracy: 0.9 - loss: 0.3 - val_loss: 0.2\n"
    "10/10 \u2501\u2501 0s - accuracy: 0.925 - loss: 0.2451\n"
)


def test_of_what_a_bar_shows_the_last_counts_and_a_second_bar_is_a_test():
    log = read_log(KERAS_3)
    assert places(KERAS_3) == [
        ("train", 1, 0, 0, "accuracy", 0.76),
        ("train", 1, 0, 0, "loss", 0.8),
        ("valid", 1, 0, 0, "loss", 0.3),
        ("train", 2, 0, 0, "accuracy", 0.9),
        ("train", 2, 0, 0, "loss", 0.3),
        ("valid", 2, 0, 0, "loss", 0.2),
        ("test", 2, 0, 0, "accuracy", 0.925),
        ("test", 2, 0, 0, "loss", 0.2451),
    ]
    assert log.num_steps == 1000
    assert any(note.startswith("A second bar below that of an epoch is taken to be a test's") for note in log.notes)


def test_bars_of_a_log_that_names_no_epoch_are_of_one_epoch_each():
    text = "100%|###| 50/50 [00:05<00:00, loss=0.9]\n100%|###| 50/50 [00:05<00:00, loss=0.5]"
    assert [place[:2] for place in places(text)] == [("train", 1), ("train", 2)]


def test_steps_that_are_printed_over_each_other_are_all_read():
    """Lines that end in a carriage return alone, as those of old Macs, too."""
    found = places("Epoch 1\rStep 100: loss 2.1\rStep 200: loss 1.2\rStep 300: loss 0.9\r")
    assert [(place[2], place[-1]) for place in found] == [(100, 2.1), (200, 1.2), (300, 0.9)]


TABLES = {
    "comma": "epoch,train_loss,train_acc,test_loss,test_acc\n1,0.81,75.0,0.29,91.0\n2,0.31,90.0,0.19,93.0",
    "tab": "epoch\ttrain_loss\ttrain_acc\ttest_loss\ttest_acc\n1\t0.81\t75.0\t0.29\t91.0\n2\t0.31\t90.0\t0.19\t93.0",
    "semicolon": "Epoch;loss;acc;test_loss;test_acc\n1;0,81;0,75;0,29;0,91\n2;0,31;0,90;0,19;0,93",
    "Markdown": "| Epoch | Train Loss | Train Acc | Test Loss | Test Acc |\n|---|---|---|---|---|\n"
    "| 1 | 0.81 | 75.0% | 0.29 | 91.0% |\n| 2 | 0.31 | 90.0% | 0.19 | 93.0% |",
    "spaces": "  epoch    train_loss  train_acc  test_loss  test_acc  dur\n-----  ----  ----  ----  ----  ----\n"
    "  1    0.81   0.75   0.29   0.91  1.5\n   2   0.31   0.90   0.19   0.93   1.5",
    "one space": "epoch train_loss train_acc test_loss test_acc\n1 0.81 0.75 0.29 0.91\n2 0.31 0.90 0.19 0.93",
    "quotes": '"epoch","loss","acc","test_loss","test_acc"\n"1.0","0.81","0.75","0.29","0.91"\n2.0,0.31,0.90,0.19,0.93',
    "JSON lines": '{"epoch": 1, "loss": 0.81, "acc": 0.75, "test_loss": 0.29, "test_acc": 0.91}\n'
    '{"epoch": 2, "loss": 0.31, "acc": 0.90, "test_loss": 0.19, "test_acc": 0.93}',
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_a_table_is_read_whatever_separates_its_columns(text):
    assert sorted(
        (*place[:2], *place[4:-1], round(place[-1], 4)) for place in places(f"some words\n{text}\nmore words")
    ) == [
        ("test", 1, "accuracy", 0.91),
        ("test", 1, "loss", 0.29),
        ("test", 2, "accuracy", 0.93),
        ("test", 2, "loss", 0.19),
        ("train", 1, "accuracy", 0.75),
        ("train", 1, "loss", 0.81),
        ("train", 2, "accuracy", 0.9),
        ("train", 2, "loss", 0.31),
    ]


def test_cells_without_a_number_are_no_places():
    assert len(places("epoch,loss,test_acc\n1,0.5,\n2,0.4,None\n3,0.3,0.9")) == 4


def test_a_line_between_tables_columns_and_prose_is_prose():
    """It has commas and names, and numbers beside them."""
    assert len(places("Epoch 1, loss 0.5, acc 0.8\nEpoch 2, loss 0.4, acc 0.9")) == 4


def test_decimal_commas_are_told():
    log = read_log("Step 100: loss = 2,254, accuracy = 0,18")
    assert [reading.printed.value for reading in log.readings] == [2.254, 0.18]
    assert "Numbers such as 2,254 are read with a decimal comma." in log.notes


def test_a_summary_below_an_epochs_steps_names_their_epoch():
    found = places(
        "Step 100 loss 2.1\nStep 200 loss 1.5\nEpoch 1 done: loss 1.8\n"
        "Step 100 loss 1.1\nStep 200 loss 0.9\nEpoch 2 done: loss 1.0"
    )
    assert [place[1:3] for place in found] == [(1, 100), (1, 200), (1, 0), (2, 100), (2, 200), (2, 0)]


def test_steps_that_run_on_make_windows_of_what_they_are_apart():
    """One line an epoch: the second is the mean of 1,000 steps, not of 2,000."""
    assert [place[3] for place in places("Epoch 1 step 1000 loss 2\nEpoch 2 step 2000 loss 1")] == [1000, 1000]


def test_steps_counted_from_0_end_a_window_before_the_epoch_does():
    log = read_log("step 0 loss 2.3\nstep 250 loss 2.0\nstep 500 loss 1.0\nstep 750 loss 0.9")
    assert log.num_steps == 1000
    found = [(reading.place.step, reading.place.window) for reading in log.readings]
    assert found == [(251, 250), (501, 250), (751, 250)]


def test_steps_whose_successors_are_multiples_of_the_window_are_counted_from_0():
    log = read_log("Epoch 1, image 499: loss 0.5\nEpoch 1, image 999: loss 0.4\nEpoch 2, image 499: loss 0.3")
    found = [(reading.place.step, reading.place.window) for reading in log.readings]
    assert found == [(500, 500), (1000, 500), (500, 500)]
    assert "The log counts steps from 0: at step 99 it has seen 100 images." in log.notes


def test_a_window_longer_than_the_training_until_there_is_left_out():
    log = read_log("[Step 1] Past 100 steps: loss 0.023\n[Step 101] Past 100 steps: loss 2.254")
    assert [reading.place.step for reading in log.readings] == [101]
    assert "Numbers of windows that are longer than the training until there are left out." in log.notes


@pytest.mark.parametrize(
    "text",
    [
        "Epoch 1 - loss: 0.6\nEpoch 2 - loss: 0.5\nTraining took 3 s\nModel Accuracy = 0.9",
        "Step 100: loss 0.6\nTesting on 400 images ...\naccuracy 0.9",
        "Epoch 1\nloss 0.6\nEvaluating on the test set\naccuracy 0.9",
        "Accuracy: 90%",
    ],
)
def test_what_stands_below_all_training_is_of_a_test(text):
    assert places(text)[-1][0] == "test"


@pytest.mark.parametrize("text", ["Epoch 1\nloss: 0.5\naccuracy: 0.9", "Epoch 1 loss: 0.5\naccuracy: 0.9"])
def test_what_stands_below_its_only_epoch_is_of_training(text):
    assert [place[0] for place in places(text)] == ["train", "train"]


def test_epochs_0_to_10_of_10_begin_before_training():
    """An evaluation before the first epoch and one after each, as one course's homework prints them."""
    found = places("(Epoch 0 / 2) val_acc: 0.1\n(Epoch 1 / 2) val_acc: 0.4\n(Epoch 2 / 2) val_acc: 0.5")
    assert [place[1] for place in found] == [0, 1, 2]


def test_tests_within_an_epoch_are_left_out_and_told():
    log = read_log("Step 500: train loss 0.9, val loss 0.8\nStep 1000: train loss 0.7, val loss 0.6")
    assert [(reading.place.split, reading.printed.value) for reading in log.readings] == [
        ("train", 0.9),
        ("train", 0.7),
        ("valid", 0.6),
    ]
    assert "Tests within an epoch are left out: programs are tested at an epoch's end." in log.notes


def test_numbers_of_an_untrained_network_are_no_ones_of_epoch_1():
    found = places("Before training: loss 2.303\nInitial test loss: 2.302\nEpoch 1: loss 0.5, test loss 0.4")
    assert [(place[:2], place[-1]) for place in found] == [
        (("test", 0), 2.302),
        (("train", 1), 0.5),
        (("test", 1), 0.4),
    ]


def test_a_mean_of_the_last_images_without_a_step_keeps_its_window():
    assert places("epoch 1: mean loss over the last 500 images 0.43")[0][:4] == ("train", 1, 0, 500)


def test_a_log_of_one_test_accuracy_is_enough():
    assert places("Accuracy of the network on the 400 test images: 93 %") == [("test", 1, 0, 0, "accuracy", 0.93)]


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
