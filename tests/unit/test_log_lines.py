"""Single lines of what training programs print."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsweep.reproduce.log_lines import read_line
from convsweep.reproduce.log_numbers import to_printed
from convsweep.reproduce.log_text import text_lines

NUMBERS = [  # line, epoch, step, [(metric, split, text)]
    ("Step 500: loss = 0.1845, accuracy = 0.948", None, 500, [("loss", None, "0.1845"), ("accuracy", None, "0.948")]),
    (
        "[Step 100] Past 100 steps: Average Loss 2.254 | Accuracy: 18%",
        None,
        100,
        [("loss", None, "2.254"), ("accuracy", None, "18%")],
    ),
    (
        " - 3s 2ms/step - loss: 0.2433 - acc: 0.9276 - val_loss: 0.1176 - val_acc: 0.9634",
        None,
        None,
        [
            ("loss", None, "0.2433"),
            ("accuracy", None, "0.9276"),
            ("loss", "valid", "0.1176"),
            ("accuracy", "valid", "0.9634"),
        ],
    ),
    ("Test loss: 0.5", None, None, [("loss", "test", "0.5")]),
    ("Test Accuracy: 0.78", None, None, [("accuracy", "test", "0.78")]),
    ("2026-01-02 03:04:05,678 INFO step=1,000 Acc=91.5 %", None, 1000, [("accuracy", None, "91.5%")]),
    ("Epoch 3/10, iteration 200/1000: training loss is 1e-02", 3, 200, [("loss", "train", "1e-02")]),
    ("[2,  4000] loss: 1.807", 2, 4000, [("loss", None, "1.807")]),
    ("Train Epoch: 1 [640/5000 (13%)]\tLoss: 0.351", 1, 640, [("loss", "train", "0.351")]),
    (
        "Test set: Average loss: 0.0500, Accuracy: 9834/10000 (98%)",
        None,
        None,
        [("loss", "test", "0.0500"), ("accuracy", "test", "9834/10000")],
    ),
    ("Epoch 1: 100%|###| 1000/1000 [00:05<00:00, 180.1it/s, loss=nan]", 1, 1000, [("loss", None, "nan")]),
    ("loss: inf", None, None, [("loss", None, "inf")]),
    ("glossary 3, account 5, lossless 7, learning rate 0.005", None, None, []),
    ("Epoch [1/2], Step [100/600], Loss: 0.4567", 1, 100, [("loss", None, "0.4567")]),
    (
        "Epoch: 1 | Batch: 100 | Train loss 0.69 | Train acc: 55.2%",
        1,
        100,
        [("loss", "train", "0.69"), ("accuracy", "train", "55.2%")],
    ),
    ("Accuracy of the network on the 10000 test images: 97.2 %", None, None, [("accuracy", "test", "97.2%")]),
    ("Accuracy on unseen images: 91%", None, None, [("accuracy", "test", "91%")]),
    ("Test accuracy after training: 0.9", None, None, [("accuracy", "test", "0.9")]),
    (
        '{"epoch": 2, "step": 100, "loss": 2.25, "val/acc": NaN}',
        2,
        100,
        [("loss", None, "2.25"), ("accuracy", "valid", "NaN")],
    ),
    ("{'val_loss': 0.3, 'loss': 0.2}", None, None, [("loss", "valid", "0.3"), ("loss", None, "0.2")]),
    ("ep 1 it 100/1000 | loss 2.2533 | top1 18.00", 1, 100, [("loss", None, "2.2533"), ("accuracy", None, "18.00")]),
    ("Schritt 5, loss = 2,254, accuracy = 0,18", None, None, [("loss", None, "2,254"), ("accuracy", None, "0,18")]),
    ("loss: 1,234.5", None, None, [("loss", None, "1,234.5")]),
    ("epoch 1 loss: np.float64(0.51) acc: tensor(0.8)", 1, None, [("loss", None, "0.51"), ("accuracy", None, "0.8")]),
    ("Epoch 1 took 12.3 s. Loss 0.51. Accuracy 80.0%.", 1, None, [("loss", None, "0.51"), ("accuracy", None, "80.0%")]),
    ("1. epoch => loss -> 0.5", 1, None, [("loss", None, "0.5")]),
    ("After 1_000 steps: 81.0% accuracy, 0.51 loss", None, 1000, [("accuracy", None, "81.0%"), ("loss", None, "0.51")]),
    ("Test: 373 out of 400 correct", None, None, [("accuracy", "test", "373/400")]),
    ("loss_train: 0.5, Loss (val): 0.6", None, None, [("loss", "train", "0.5"), ("loss", "valid", "0.6")]),
    ("trainLoss=0.5 testAcc=0.6", None, None, [("loss", "train", "0.5"), ("accuracy", "test", "0.6")]),
    ("Test Acc (%): 93.25", None, None, [("accuracy", "test", "93.25%")]),
    ("mean loss over the last 500 images 0.4312", None, None, [("loss", None, "0.4312")]),
    ("Epochs: 30%|###   | 3/10 [00:05<00:10, loss=0.5]", 3, None, [("loss", None, "0.5")]),
    ("loss = 1.#QNAN, acc = -nan", None, None, [("loss", None, "1.#QNAN"), ("accuracy", None, "-nan")]),
]
NO_NUMBERS = [  # what a hasty reader would take for a loss or an accuracy
    "best loss so far: 0.51",
    "Epoch 1: val_loss improved from 0.31 to 0.29, saving model",
    "reg_loss: 0.01",
    "loss: 12%",
    "loss took 0.5s",
    "loss 0.5s",
    "accuracy of 100 images",
    "correct: 12",
    "version of loss 0.5.1",
    "Accuracy for class: plane is 55.4 %",
    "training error 12.4%",
]


@pytest.mark.parametrize(("text", "epoch", "step", "found"), NUMBERS, ids=[text[:40] for text, *_ in NUMBERS])
def test_a_line_is_read_as_people_read_it(text, epoch, step, found):
    line = read_line(text)
    assert (line.epoch, line.step, [tuple(number) for number in line.found]) == (epoch, step, found)


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_places_loss_or_accuracy_is_not_taken_for_one(text):
    assert read_line(text).found == ()


def test_what_is_left_out_beside_a_number_is_told():
    assert read_line("Epoch 2: loss 0.41, best loss: 0.40, reg_loss: 0.1").left_out == (
        "best loss: 0.40",
        "reg_loss: 0.1",
    )


def test_totals_and_windows_are_read():
    line = read_line("Epoch 3/10 [Step 100/5000] Past 50 steps: loss 1.5")
    assert (line.num_epochs, line.num_steps, line.window) == (10, 5000, 50)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("0.95", 0.945, 0.955),
        ("18%", 0.175, 0.185),
        ("93.25 %", 0.93245, 0.93255),
        ("373/400", 0.9325, 0.9325),
        ("1e-02", 0.005, 0.015),
        ("2.", 1.5, 2.5),
        ("2,25", 2.245, 2.255),
        ("1,234.5", 1234.45, 1234.55),
    ],
)
def test_a_printed_number_stands_for_all_that_are_printed_like_it(text, low, high):
    printed = to_printed(text)
    assert (printed.low, printed.high) == pytest.approx((low, high), abs=1e-15)


@given(st.floats(0, 1), st.integers(1, 8), st.booleans())
def test_a_number_lies_in_the_interval_of_what_is_printed_of_it(value, digits, percent):
    printed = to_printed(f"{100 * value:.{digits}f}%" if percent else f"{value:.{digits}f}")
    assert printed.low - 1e-12 <= value <= printed.high + 1e-12
    assert printed.high - printed.low == pytest.approx(10.0**-digits / (100 if percent else 1))


def test_nan_and_infinity_are_numbers_of_a_program_that_diverged():
    assert math.isnan(to_printed("nan").value)
    assert math.isnan(to_printed("-nan").value)
    assert math.isnan(to_printed("1.#QNAN").value)
    assert to_printed("inf").value == math.inf
    assert to_printed("1.#INF").value == math.inf
    assert to_printed("1e999999999").value == math.inf
    assert math.isnan(to_printed("5/0").value)


@given(st.lists(st.sampled_from(["\x1b[1;32m", "\x1b[0m", "\x1b[K", "x\r", "\x07"]), max_size=6))
def test_colours_leave_no_trace_and_what_a_bar_overwrote_is_set_apart(noise):
    text = "".join(noise) + "Step 5: loss = 0.25" + "".join(part for part in noise if "\r" not in part) + "\r\n"
    (line,) = text_lines(text)
    assert line == ("Step 5: loss = 0.25", ("x",) * noise.count("x\r"))
