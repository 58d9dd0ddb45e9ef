"""A finished sweep of many runs, written without training: each with metrics, predictions and a result of its own."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from convsweep.config import RunConfig
from convsweep.hydra_app.compose import compose_run
from convsweep.naming import run_name
from convsweep.nn.training import Evaluation, Window
from convsweep.records.identity import code_digest, run_key
from convsweep.records.journal import Journal, run_directory
from convsweep.records.predictions import ROW, SPLITS, Rows, save_predictions
from convsweep.records.provenance import provenance
from convsweep.records.sweep import Sweep, SweepJob, make_sweep

SEEDS = 5
RATES, SCALES = 10, 5
AXES = ("model.num_filters", "train.learning_rate", "model.init_scale", "train.seed")
EPOCHS, NUM_TRAIN, NUM_IMAGES = 3, 4200, 400
ID = "2026-01-01_00-00-00.000000"


def write(mlruns: str, num_runs: int) -> None:
    """Write the records of a grid of filter counts, rates, scales and five seeds, and of its sweep.

    Args:
        mlruns: The folder of everything.
        num_runs: A multiple of 250.
    """
    folder = Path(mlruns)
    configs = list(_configs(folder, num_runs // (SEEDS * RATES * SCALES)))
    jobs = tuple(
        SweepJob(number, run_name(config, AXES), run_key(config), EPOCHS * NUM_TRAIN)
        for number, config in enumerate(configs)
    )
    sweep = Sweep(
        id=ID,
        multirun=True,
        command=("-m",),
        axes=AXES,
        experiment="convsweep",
        folder=str(folder),
        rerun=False,
        created=1_767_225_600.0,
        user="nobody",
        host="nowhere",
        git_commit=None,
        state="finished",
        ended=1_767_229_200.0,
        jobs=jobs,
    )
    make_sweep(folder, sweep, provenance())
    rng = np.random.default_rng(0)
    for config, job in zip(configs, jobs, strict=True):
        _write_run(run_directory(folder, job.run_key), config, rng)


def _configs(folder: Path, num_filter_counts: int) -> Iterator[RunConfig]:
    base = compose_run([f"train.epochs={EPOCHS}", f"mlruns='{folder}'"])
    for num_filters in range(1, num_filter_counts + 1):
        for rate in range(1, RATES + 1):
            for scale in range(1, SCALES + 1):
                for seed in range(SEEDS):
                    model = {"num_filters": num_filters, "init_scale": scale / 2}
                    train = {"learning_rate": rate / 1000, "seed": seed}
                    yield base.model_copy(
                        update={
                            "model": base.model.model_copy(update=model),
                            "train": base.train.model_copy(update=train),
                        }
                    )


def _write_run(directory: Path, config: RunConfig, rng: np.random.Generator) -> None:
    """Write what a run of these settings could have left: better with more filters and a middling rate."""
    skill = 0.95 - 0.1 / config.model.num_filters - 10 * abs(config.train.learning_rate - 0.005)
    answers = {split: _answers(skill, rng) for split in SPLITS}
    accuracy = {split: float((rows["digit"] == rows["label"]).mean()) for split, rows in answers.items()}
    directory.mkdir(parents=True)
    journal = Journal(directory, config)
    per_epoch = 0.05 * config.model.num_filters / EPOCHS  # seconds
    journal.write(Evaluation(0, 0, "valid", 2.3, 0.1), seconds=0.0)
    for epoch in range(1, EPOCHS + 1):
        for step in range(500, NUM_TRAIN, 500):
            journal.write(
                Window(epoch, (epoch - 1) * NUM_TRAIN + step, 1 / epoch, accuracy["valid"]), seconds=epoch * per_epoch
            )
        journal.write(
            Evaluation(epoch, epoch * NUM_TRAIN, "valid", 1 / epoch, accuracy["valid"]), seconds=epoch * per_epoch
        )
    journal.write(
        Evaluation(EPOCHS, EPOCHS * NUM_TRAIN, "test", 1 / EPOCHS, accuracy["test"]), seconds=EPOCHS * per_epoch
    )
    save_predictions(directory, answers)
    journal.finish(
        sweep=ID,
        host="nowhere",
        data_source="nowhere",
        data_digest="0" * 64,
        code_digest=code_digest(),
    )
    journal.close()


def _answers(skill: float, rng: np.random.Generator) -> Rows:
    rows = np.zeros(NUM_IMAGES, ROW)
    rows["label"] = np.arange(NUM_IMAGES) % 10
    wrong = rng.random(NUM_IMAGES) > skill
    rows["digit"] = np.where(wrong, (rows["label"] + rng.integers(1, 10, NUM_IMAGES)) % 10, rows["label"])
    rows["probability"] = rng.uniform(0.3, 1, NUM_IMAGES)
    return rows
