"""What a whole sweep costs: 32 runs, all of it recorded, under each launcher; and their training alone.

Each sweep starts in an empty folder in which one tiny run has made MLflow's database, as every sweep
but a user's first finds it. The training alone is on one core, as stacks of 16 networks, with neither
journal nor MLflow nor figures: what no launcher can save.
"""

import commands
import fresh

LEARNING_RATES = (0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.007, 0.01)
INIT_SCALES = (0.25, 0.5, 1.0, 1.5)

GRID = (
    f"train.learning_rate={','.join(map(str, LEARNING_RATES))}",
    f"model.init_scale={','.join(map(str, INIT_SCALES))}",
)
TINY = ("train", "data.num_train=10", "train.epochs=1")
LAUNCHERS = {
    "sweep32_stacked_s": ("hydra/launcher=stacked",),
    "sweep32_basic_s": ("hydra/launcher=basic",),
    "sweep32_joblib2_s": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
}


def seconds(epochs: int, repeats: int, slow_repeats: int) -> dict[str, list[float]]:
    """Time the sweeps in turns.

    Args:
        epochs: That each run trains.
        repeats: Of the stacked launcher and of the training alone.
        slow_repeats: Of the other launchers.
    """
    samples: dict[str, list[float]] = {name: [] for name in (*LAUNCHERS, "sweep32_train_only_s")}
    sweep = ("train", "-m", *GRID, f"train.epochs={epochs}")
    for turn in range(repeats):
        for name, launcher in LAUNCHERS.items():
            if turn < slow_repeats or name == "sweep32_stacked_s":
                samples[name].append(commands.cost(*sweep, *launcher, before=TINY).seconds)
        samples["sweep32_train_only_s"].append(fresh.call("training_alone", "seconds", epochs, on=fresh.cores()[-1:]))
    return samples
