"""Attempts at a run: each is written down with where it ran, and those that its record comes from are told."""

import json

import numpy as np
from configurations import small_job

from convsweep.records.attempts import Attempt, Code, attempt_here, note_attempt, read_attempts
from convsweep.records.journal import read_record, read_result, write_result
from convsweep.records.machine import blas_kernel
from convsweep.records.mixtures import mixture
from convsweep.runs.stack import run_stack

FIRST, SECOND = Code("a" * 40, ""), Code("b" * 40, "c" * 64)


def stop_after(job, epoch):
    """Leave of a finished run what a process leaves that is killed after an epoch."""
    (job.directory / "result.json").unlink()
    for later in range(epoch + 1, 4):
        (job.directory / "checkpoints" / f"epoch_{later:03d}.npz").unlink()


def test_an_attempt_says_where_it_ran_and_with_what(tmp_path):
    job = small_job(tmp_path)._replace(code=SECOND)
    assert run_stack([job]) == {}
    (attempt,) = read_attempts(job.directory)
    assert read_result(job.directory).attempts == (attempt,)
    assert (attempt.after, attempt.sweep, attempt.code) == (-1, job.sweep, SECOND)
    assert (attempt.numpy, attempt.kernel) == (np.__version__, blas_kernel())
    assert None not in attempt


def test_a_run_that_goes_on_under_another_commit_names_both(tmp_path):
    job = small_job(tmp_path)
    assert run_stack([job._replace(code=FIRST)]) == {}
    stop_after(job, 1)
    assert run_stack([job._replace(code=SECOND)]) == {}
    result = read_result(job.directory)
    assert [(attempt.after, attempt.code) for attempt in result.attempts] == [(-1, FIRST), (1, SECOND)]
    assert mixture([result]) == "Runs were trained by different commits (aaaaaaa+bbbbbbb with changes ccccccc 1)."


def test_a_run_that_goes_on_with_another_numpy_and_other_kernels_names_both(tmp_path):
    job = small_job(tmp_path)
    assert run_stack([job]) == {}
    stop_after(job, 2)
    (attempt,) = read_attempts(job.directory)
    line = json.dumps(attempt._asdict() | {"numpy": "1.0", "kernel": "Elsewhere"}) + "\n"
    (job.directory / "attempts.jsonl").write_text(line)  # as the first process would have written it elsewhere
    assert run_stack([job]) == {}
    result = read_result(job.directory)
    assert result.blas_kernel == "+".join(sorted(["Elsewhere", blas_kernel()]))
    assert f"versions of NumPy (1.0+{np.__version__} 1)" in mixture([result])
    assert f"different BLAS kernels (Elsewhere+{blas_kernel()} 1)" in mixture([result])


def test_an_attempt_that_only_draws_figures_has_trained_nothing(tmp_path):
    job = small_job(tmp_path)
    assert run_stack([job._replace(code=FIRST)]) == {}
    (job.directory / "result.json").unlink()
    assert run_stack([job._replace(code=SECOND)]) == {}
    assert [attempt.code for attempt in read_attempts(job.directory)] == [FIRST, SECOND]
    assert [attempt.code for attempt in read_result(job.directory).attempts] == [FIRST]


def test_a_run_that_begins_anew_forgets_the_attempts_before(tmp_path):
    job = small_job(tmp_path)
    assert run_stack([job._replace(code=FIRST)]) == {}
    stop_after(job, -1)
    assert run_stack([job._replace(code=SECOND)]) == {}
    assert [attempt.code for attempt in read_attempts(job.directory)] == [SECOND]


def test_a_line_that_was_cut_spoils_no_other(tmp_path):
    note_attempt(tmp_path, attempt_here(-1, "sweep", FIRST))
    with (tmp_path / "attempts.jsonl").open("a") as file:
        file.write('{"after": 1, "ker')
    note_attempt(tmp_path, attempt_here(2, "sweep", SECOND))
    assert [(attempt.after, attempt.code) for attempt in read_attempts(tmp_path)] == [(-1, FIRST), (2, SECOND)]


def test_the_kernels_that_an_older_record_names_are_kept(tmp_path):
    job = small_job(tmp_path)
    assert run_stack([job]) == {}
    stop_after(job, 1)
    (job.directory / "attempts.jsonl").unlink()
    (job.directory / "kernels").write_text("Elsewhere\nElsewhere\n")
    assert run_stack([job]) == {}
    assert read_attempts(job.directory)[0] == Attempt(-1, "Elsewhere")
    assert read_result(job.directory).blas_kernel == "+".join(sorted(["Elsewhere", blas_kernel()]))
    assert not (job.directory / "kernels").exists()


def test_kernels_of_results_without_attempts_count_as_well(tmp_path):
    jobs = [small_job(tmp_path, number, {"train.seed": number}) for number in range(2)]
    assert run_stack(jobs) == {}
    results = [read_result(job.directory) for job in jobs]
    write_result(jobs[0].directory, results[0]._replace(attempts=(), blas_kernel="Elsewhere"))
    older = read_record(jobs[0].directory).result
    assert f"(Elsewhere 1, {blas_kernel()} 1)" in mixture([older, results[1]])
    assert mixture([older._replace(blas_kernel=None), results[1]]) == ""
