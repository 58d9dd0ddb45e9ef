"""Measure convsweep against its targets and its peers: print a table, write ``results.json`` beside this file.

    python benchmarks/run.py --mnist FOLDER     about 4 minutes; FOLDER holds MNIST's four IDX files
    python benchmarks/run.py --quick            about 1.5 minutes: fewer repeats

A figure is the median of its repeats; the range beside it shows how calm the machine was. Leave it
alone while this runs.
"""

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path

import commands

Figures = Mapping[str, float | None]

RESULTS = Path(__file__).with_name("results.json")

ROWS = {
    "numpy_single_us": "convsweep, one model: us a step",
    "numpy_stack4_us_per_model": "convsweep, stack of 4: us a step and model",
    "numpy_stack8_us_per_model": "convsweep, stack of 8: us a step and model",
    "numpy_stack16_us_per_model": "convsweep, stack of 16: us a step and model",
    "torch_eager_us": "PyTorch eager: us a step",
    "loops_us": "plain loops: us a step",
    "ratio_torch": "PyTorch eager / convsweep, one model",
    "ratio_loops": "plain loops / convsweep, one model",
    "peak_memory_mb": "training on 59,000 images: peak MB",
    "help_s": "convsweep --help: s",
    "train_help_s": "convsweep train --help: s",
    "config_error_s": "convsweep train train.epochs=0: s",
    "first_sweep_s": "sweep of 18 runs: s",
}

AT_LEAST = {"ratio_torch": 4, "ratio_loops": 300}
BELOW = {"peak_memory_mb": 700, "help_s": 1.5, "train_help_s": 1.5, "config_error_s": 1.5, "first_sweep_s": 90}

# largest difference of two losses, in nats; seen: 4e-16, 6e-15, 2e-6
AGREEMENT = {"loops, float64": 1e-9, "PyTorch, float64": 1e-9, "PyTorch, float32": 1e-4}


def main() -> None:
    """Measure everything; exit with 0 only if all was measured that was asked for and the peers agree."""
    parser = argparse.ArgumentParser(description="Measure convsweep against its targets and its peers.")
    parser.add_argument("--quick", action="store_true", help="fewer repeats: less than 3 minutes")
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="MNIST's four IDX files, for the memory row")
    arguments = parser.parse_args()
    machine = _machine()  # first, for its load
    try:
        samples, differences, has_torch = _measure(arguments.mnist, quick=arguments.quick)
    except commands.CommandError as error:
        sys.exit(str(error))

    figures: dict[str, float | None] = dict.fromkeys(ROWS)
    figures |= {name: statistics.median(values) for name, values in samples.items()}
    single = statistics.median(samples["numpy_single_us"])
    figures["ratio_loops"] = statistics.median(samples["loops_us"]) / single
    if has_torch:
        figures["ratio_torch"] = statistics.median(samples["torch_eager_us"]) / single
    figures = {name: value and float(f"{value:.4g}") for name, value in figures.items()}

    versions = _versions()
    _print(machine, versions, figures, samples)
    if not has_torch:
        print("No PyTorch, no ratio to it: pip install 'convsweep[torch]'")
    if arguments.mnist is None:
        print("Peak memory was not measured: give --mnist FOLDER, with MNIST's four IDX files.")
    results = {"machine": machine, "versions": versions, "quick": arguments.quick, "figures": figures}
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")

    apart = [name for name, difference in differences.items() if not difference <= AGREEMENT[name]]
    for name, difference in differences.items():
        verdict = "DISAGREES" if name in apart else "agrees"
        print(f"convsweep {verdict} with {name}: losses at most {difference:.1e} apart (limit {AGREEMENT[name]:g})")
    sys.exit(1 if apart else 0)


def _measure(mnist: Path | None, *, quick: bool) -> tuple[dict[str, list[float]], dict[str, float], bool]:
    """Return every figure's samples, how far apart the peers' losses are, and whether PyTorch is one of them."""
    _say("Start-up of commands ...")
    samples = commands.start_up(3 if quick else 7)
    if mnist is not None:
        _say("A whole training process on 59,000 images ...")
        samples["peak_memory_mb"] = commands.peak_memory(mnist, 1 if quick else 3)
    _say("The sweep of 18 runs ...")
    samples["first_sweep_s"] = commands.first_sweep(1 if quick else 3)

    import step  # not before: NumPy and PyTorch make this process large, and its children with it

    _say("Do the peers agree? ...")
    differences = step.agreement()
    _say("Steps of training ...")
    return samples | step.microseconds(20 if quick else 75), differences, step.HAS_TORCH


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


def _versions() -> dict[str, str | None]:
    from convsweep.provenance import provenance

    environment = provenance().environment
    packages = environment["packages"]
    assert isinstance(packages, dict)
    return {
        "python": platform.python_version(),
        "convsweep": packages.get("convsweep"),
        "numpy": packages.get("numpy"),
        "blas": str(environment["blas"]),
        "torch": packages.get("torch"),
    }


def _print(
    machine: Mapping[str, object],
    versions: Mapping[str, object],
    figures: Figures,
    samples: Mapping[str, list[float]],
) -> None:
    print("{cpu}, {cores} cores, {system}, load {load_at_start} at the start".format(**machine))
    print(", ".join(f"{name} {version}" for name, version in versions.items() if version))
    print("Steps: 8 filters, float32 (loops: float64), one image a step, one thread, data=mnist_5k\n")
    print(f"{'':46}{'median':>9}  {'range':>17}  target")
    for name, title in ROWS.items():
        values = samples.get(name)
        spread = f"{_number(min(values))} .. {_number(max(values))}" if values else ""
        print(f"{title:46}{_number(figures[name]):>9}  {spread:>17}  {_target(name, figures[name])}".rstrip())
    print()


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _target(name: str, value: float | None) -> str:
    if name in AT_LEAST:
        text, met = f">= {AT_LEAST[name]}", value is not None and value >= AT_LEAST[name]
    elif name in BELOW:
        text, met = f"< {BELOW[name]}", value is not None and value < BELOW[name]
    else:
        return ""
    return f"{text:7}{'not measured' if value is None else 'met' if met else 'MISSED'}"


if __name__ == "__main__":
    main()
