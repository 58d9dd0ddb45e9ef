"""What the terminal shows: text from outside stays as it is."""

import io

import pytest
from configurations import small_job, small_sweep
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from convsweep import terminal
from convsweep.records.sweep import SweepJob
from convsweep.runs.stack import run_stack
from convsweep.terminal import Display, say


@pytest.fixture
def shown(monkeypatch):
    """Return what is shown on a terminal that takes no colours."""
    file = io.StringIO()
    monkeypatch.setattr(terminal, "console", Console(file=file, highlight=False, width=60))
    return file


@pytest.mark.parametrize(
    "text",
    ["[/x]", "[bold]loud[/bold]", "[red", "\\[x]", ":smile:", "{braces}", "%s", "[link=file:///etc/passwd]x[/link]"],
)
def test_text_from_outside_is_printed_as_it_is(shown, text):
    say(text)
    assert shown.getvalue() == text + "\n"


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"]), max_size=100))
def test_any_text_is_printed_as_it_is_in_one_line(shown, text):
    shown.seek(0)
    shown.truncate()
    say(text)
    assert shown.getvalue() == text + "\n"


class Gone(io.StringIO):
    """A terminal that is gone."""

    def write(self, _):
        raise OSError(5, "Input/output error")


def test_neither_a_terminal_that_is_gone_nor_a_record_that_cannot_be_read_disturbs_the_jobs(monkeypatch, tmp_path):
    jobs = [small_job(tmp_path, number, {"train.seed": number}) for number in range(2)]
    assert run_stack(jobs) == {}
    result = jobs[0].directory / "result.json"
    result.unlink()
    result.symlink_to(result)
    sweep = small_sweep(jobs, jobs[0].sweep)
    for file in (io.StringIO(), Gone()):
        monkeypatch.setattr(terminal, "console", Console(file=file, highlight=False, width=60))
        display = Display(tmp_path, sweep, sweep.jobs)
        with display.shown():
            pass
        assert not display.is_over
        told = file.getvalue()
        assert told == "" if isinstance(file, Gone) else told.startswith("seed=1: valid accuracy ")


def test_a_finished_job_is_told_once_in_one_line(shown, tmp_path):
    job = small_job(tmp_path)
    assert run_stack([job]) == {}
    listed = SweepJob(0, "name=[/x]", job.run_key, 180)
    display = Display(tmp_path, small_sweep([job], job.sweep), [listed])
    assert not display.is_over
    display.update()
    display.update()
    assert display.is_over
    (line,) = shown.getvalue().splitlines()
    assert line.startswith("name=[/x]: valid accuracy ")
