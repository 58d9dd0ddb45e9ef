"""The table of `predict` on terminals of every width: numbers are whole, whatever the files are called."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from convsweep.commands.predict import predictions_table
from convsweep.data import CLASS_NAMES

LONG = "photographs/2026-01-31 at the kitchen table/IMG_20260131_184512_HDR[red].jpeg"
PROBABILITIES = np.array([[0.001] * 3 + [0.953] + [0.0, 0.04, 0.002, 0.0, 0.001, 0.0], [0.1] * 10])


@pytest.fixture(params=["digits", "fashion"])
def names(request):
    return CLASS_NAMES["mnist" if request.param == "digits" else "fashion_mnist"]


def printed(files, names, width):
    """Return the lines that a terminal of that width shows."""
    shown = io.StringIO()
    console = Console(width=width, file=shown, highlight=False, emoji=False)
    console.print(predictions_table(files, names, PROBABILITIES, width))
    return shown.getvalue().splitlines()


@pytest.mark.parametrize("width", [200, 80, 60, 40, 30])
@pytest.mark.parametrize("file", ["3.png", LONG])
def test_every_number_is_whole_at_any_width(names, file, width):
    lines = printed([file, "b.png"], names, width)
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)
    numbers = re.findall(r"\d\.\d+", " ".join(lines))
    assert "0.953" in numbers
    assert all(re.fullmatch(r"\d\.\d{3}", number) for number in numbers)
    assert len(numbers) % 2 == 0


@pytest.mark.parametrize("width", [80, 40])
def test_long_names_of_files_go_on_in_the_next_line(width):
    lines = printed([LONG, LONG], CLASS_NAMES["mnist"], width)
    column = min(line.index(" 3 ") for line in lines if "0.953" in line)
    assert "".join(line[:column].strip() for line in lines[1:]).replace(" ", "") == 2 * LONG.replace(" ", "")


def test_a_wide_table_has_a_column_a_class():
    heading, first, _ = printed(["a.png", "b.png"], CLASS_NAMES["mnist"], 80)
    assert heading.split() == ["image", "digit", *"0123456789"]
    assert first.split() == ["a.png", "3", *(f"{value:.3f}" for value in PROBABILITIES[0])]


def test_a_narrow_table_has_the_likeliest_three():
    _, first, second = printed(["a.png", "b.png"], CLASS_NAMES["mnist"], 40)
    assert first.split() == ["a.png", "3", "0.953", "5", "0.040", "6", "0.002"]
    assert second.split() == ["b.png", "0", "0.100", "1", "0.100", "2", "0.100"]
