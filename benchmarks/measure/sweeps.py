"""What a whole sweep costs: 32 runs, all of it recorded and told to MLflow; their training alone; a single run.

Each command runs in a folder in which one tiny run has made MLflow's database, as every sweep but a
user's first finds it. The training alone is on one core, as stacks of 16 networks, with neither
journal nor MLflow nor figures: what no launcher can save.
"""

from benchmarks.measure import fresh
from benchmarks.measure.records import last_checkpoint, training_seconds
from benchmarks.measure.workplace import new_workplace

LEARNING_RATES = (0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.007, 0.01)
INIT_SCALES = (0.25, 0.5, 1.0, 1.5)

GRID = (
    f"train.learning_rate={','.join(map(str, LEARNING_RATES))}",
    f"model.init_scale={','.join(map(str, INIT_SCALES))}",
)
PEERS = {
    "sweep32_basic_s": ("hydra/launcher=basic",),
    "sweep32_joblib2_s": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
}


def stacked(epochs: int, repeats: int) -> dict[str, list[float]]:
    """Time the sweep under the stacked launcher and the training alone, in turns.

    Args:
        epochs: That each run trains.
        repeats: Turns.
    """
    names = ("sweep32_stacked_s", "last_checkpoint_to_prompt_s", "sweep32_train_only_s")
    samples: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(repeats):
        with new_workplace(with_store=True) as workplace:
            cost = workplace.run("train", "-m", *GRID, f"train.epochs={epochs}")
            samples["sweep32_stacked_s"].append(cost.seconds)
            samples["last_checkpoint_to_prompt_s"].append(cost.ended - last_checkpoint(workplace.mlruns))
        alone = fresh.call("training_alone", "seconds", epochs, on=fresh.cores()[-1:])
        samples["sweep32_train_only_s"].append(alone)
    return samples


def other_launchers(epochs: int, repeats: int) -> dict[str, list[float]]:
    """Time the sweep under launchers that train each run by itself."""
    samples: dict[str, list[float]] = {name: [] for name in PEERS}
    for _ in range(repeats):
        for name, launcher in PEERS.items():
            with new_workplace(with_store=True) as workplace:
                cost = workplace.run("train", "-m", *GRID, f"train.epochs={epochs}", *launcher)
                samples[name].append(cost.seconds)
    return samples


def single_run(repeats: int) -> list[float]:
    """Return what the default run takes beyond training and evaluating, in seconds."""
    epochs, samples = 10, []
    for _ in range(repeats):
        with new_workplace(with_store=True) as workplace:
            seconds = workplace.run("train").seconds
            samples.append(seconds - training_seconds(workplace.mlruns, epochs=epochs))
    return samples
