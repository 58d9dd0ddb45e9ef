"""What a job costs when there are many of them: sweeps of runs so short that training hardly counts."""

from benchmarks.measure.workplace import new_workplace, own_bytes

TINY_JOB = ("data.num_train=50", "train.epochs=1")


def measure(few: int, many: int, planned: int) -> dict[str, list[float]]:
    """Run two sweeps, the second one twice, and plan one that goes beyond it.

    Args:
        few: Jobs of the first sweep.
        many: Jobs of the second. Its memory is compared with the first's.
        planned: Jobs of the plan; ``many`` of them are finished by then.
    """
    with new_workplace(with_store=True) as workplace:
        first = ("train.learning_rate=0.004", f"train.seed=range({few})")
        small = workplace.run("train", "-m", *TINY_JOB, *first, sample=own_bytes)
        sweep = ("train", "-m", *TINY_JOB, f"train.seed=range({many})")
        large = workplace.run(*sweep, sample=own_bytes)
        again = workplace.run(*sweep)
        plan = workplace.run("plan", "-m", *TINY_JOB, f"train.seed=range({planned})")
    return {
        "sweep300_tiny_cpu_s_per_job": [large.cpu_seconds / many],
        "sweep_mb_per_job": [(large.sampled_mb - small.sampled_mb) / (many - few)],
        "repeat_finished_s": [again.seconds],
        "compose600_s": [plan.seconds],
    }
