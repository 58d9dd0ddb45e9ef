"""Measure convsweep against its targets and its peers: print tables; write ``results.json`` and ``growth.png`` here.

    python benchmarks/run.py --mnist FOLDER     about 12 minutes; FOLDER holds MNIST's four IDX files
    python benchmarks/run.py --quick            about 3 minutes: fewer repeats, shorter sweeps

A figure is the median of its repeats; the range beside it shows how calm the machine was. Leave it
alone while this runs.
"""

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# light ones only: what needs NumPy runs in fresh processes, so that each child's memory is its own
import commands
import fresh
import growth
import sweeps
from table import RATIOS, ROWS, Figures, print_figures, print_growth

RESULTS = Path(__file__).with_name("results.json")

EPOCHS, QUICK_EPOCHS = 10, 1  # of the sweeps of 32 runs

# largest difference of two losses, in nats; seen: 1e-14, 3e-6
AGREEMENT = {"float64": 1e-9, "float32": 1e-4}


def main() -> None:
    """Measure everything; exit with 0 only if all was measured that was asked for and the peers agree."""
    parser = argparse.ArgumentParser(description="Measure convsweep against its targets and its peers.")
    parser.add_argument("--quick", action="store_true", help="fewer repeats: about 3 minutes")
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="MNIST's four IDX files, for the memory rows")
    arguments = parser.parse_args()
    machine = _machine()  # first, for its load
    one_core = fresh.cores()[-1:]
    try:
        _say("Do the peers agree? ...")
        differences = fresh.call("agreement", "differences", on=one_core)
        samples = _measure(arguments.mnist, one_core, quick=arguments.quick)
        _say("Growth ...")
        grown = growth.measure(arguments.mnist, quick=arguments.quick)
    except commands.CommandError as error:
        sys.exit(str(error))
    fresh.call("growth_picture", "draw", grown)

    forms = _keep_faster_forms(samples)
    figures = _figures(samples)
    versions = fresh.call("versions", "versions")
    print("{cpu}, {cores} cores, {system}, load {load_at_start} at the start".format(**machine))
    print(", ".join(f"{name} {version}" for name, version in versions.items() if version))
    print("Steps: 8 filters, float32 (loops: float64), one image a step, all on one core, data=mnist_5k")
    print(f"Sweeps of 32 runs: {QUICK_EPOCHS if arguments.quick else EPOCHS} epochs each\n")
    print_figures(figures, samples, quick=arguments.quick)
    print("".join(f"{name}: the {form} form is the faster one\n" for name, form in forms.items()))
    print_growth(grown)
    results = {"machine": machine, "versions": versions, "quick": arguments.quick, "figures": figures, "growth": grown}
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    missing = [ROWS[name] for name, value in figures.items() if value is None]
    if missing:
        print("Not measured: " + "; ".join(missing))
        print(
            "(PyTorch and JAX: pip install 'convsweep[bench]'; C: gcc; memory: --mnist FOLDER, MNIST's four IDX files)"
        )
    sys.exit(0 if _agree(differences) else 1)


def _measure(mnist: Path | None, one_core: Sequence[int], *, quick: bool) -> dict[str, list[float]]:
    """Return every figure's samples."""
    _say("Start-up of commands ...")
    samples = commands.start_up(3 if quick else 7)
    if mnist is not None:
        _say("A whole training process on 59,000 images ...")
        samples["peak_memory_mb"] = [commands.peak_memory(mnist) for _ in range(1 if quick else 3)]
    _say("The sweep of 18 runs ...")
    samples["first_sweep_s"] = commands.first_sweep(1 if quick else 3)
    _say("A sweep of 32 runs, under each launcher ...")
    samples |= sweeps.seconds(QUICK_EPOCHS, 1, 1) if quick else sweeps.seconds(EPOCHS, 3, 2)
    _say("What a run costs beyond training ...")
    samples["overhead_cpu_s_per_run"] = fresh.call("overhead", "cpu_seconds_a_run", 1 if quick else 5, on=one_core)
    _say("Steps of training ...")
    samples |= fresh.call("step", "microseconds", 4 if quick else 50, on=one_core)
    return samples


def _keep_faster_forms(samples: dict[str, list[float]]) -> dict[str, str]:
    """Where a peer has several forms, keep the faster one's samples under the figure's own name; return its form."""
    forms: dict[str, str] = {}
    for key in [key for key in samples if ":" in key]:
        name, _, form = key.partition(":")
        values = samples.pop(key)
        if name not in samples or statistics.median(values) < statistics.median(samples[name]):
            samples[name], forms[name] = values, form
    return forms


def _figures(samples: Mapping[str, Sequence[float]]) -> Figures:
    """Return the samples' medians, and the medians' ratios."""
    figures: dict[str, float | None] = dict.fromkeys(ROWS)
    figures |= {name: statistics.median(values) for name, values in samples.items()}
    for name, (over, under) in RATIOS.items():
        top, bottom = figures[over], figures[under]
        figures[name] = None if top is None or bottom is None else top / bottom
    if (ratio := figures["ratio_sweep32_train_only"]) is not None:
        figures["ratio_sweep32_train_only"] = ratio * len(fresh.cores())
    return {name: value and float(f"{value:.4g}") for name, value in figures.items()}


def _agree(differences: Mapping[str, float]) -> bool:
    """Print how far apart the peers are, and tell whether all of them are near enough."""
    agree = True
    for name, difference in differences.items():
        limit = AGREEMENT[name.rpartition(", ")[2]]
        verdict = "agrees" if difference <= limit else "DISAGREES"  # a NaN disagrees
        print(f"convsweep {verdict} with {name}: losses at most {difference:.1e} apart (limit {limit:g})")
        agree = agree and difference <= limit
    return agree


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _machine() -> dict[str, str | float | None]:
    names = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    cpu = names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


if __name__ == "__main__":
    main()
