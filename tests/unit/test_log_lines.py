"""Single lines of what training programs print."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsweep.reproduce.log_lines import read_line, to_printed, visible_lines

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
    ("2026-01-02 03:04:05,678 INFO step=1,000 Acc=91.5 %", None, 1000, [("accuracy", None, "91.5 %")]),
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
]


@pytest.mark.parametrize(("text", "epoch", "step", "found"), NUMBERS, ids=[text[:40] for text, *_ in NUMBERS])
def test_a_line_is_read_as_people_read_it(text, epoch, step, found):
    line = read_line(text)
    assert (line.epoch, line.step, [tuple(number) for number in line.found]) == (epoch, step, found)


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
    assert to_printed("inf").value == math.inf


@given(st.lists(st.sampled_from(["\x1b[1;32m", "\x1b[0m", "\x1b[K", "x\r", "\x07"]), max_size=6))
def test_colours_and_what_a_bar_overwrote_leave_no_trace(noise):
    text = "".join(noise) + "Step 5: loss = 0.25" + "".join(part for part in noise if "\r" not in part) + "\r\n"
    assert visible_lines(text) == ["Step 5: loss = 0.25"]
