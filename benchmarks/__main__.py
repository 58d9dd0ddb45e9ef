"""Measure convsweep against its targets and its peers; write ``results.json``, ``growth.png`` and a table.

    python -m benchmarks --mnist FOLDER     about 15 minutes; FOLDER holds MNIST's four IDX files
    python -m benchmarks --only sweep       within 4 minutes: what a sweep and its jobs cost
    python -m benchmarks --quick            about 4 minutes: fewer repeats, shorter sweeps; printed, written nowhere
    python -m benchmarks --only scale       half an hour: sweeps of up to 10,000 jobs (--quick: 5 minutes)
    python -m benchmarks --only options     a quarter of an hour: what options change in a sweep of 1,000 jobs

A figure is the median of its repeats; the range beside it shows how calm the machine was. Leave it
alone while this runs.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

# light ones only: what needs NumPy runs in fresh processes, so that each child's memory is its own
from benchmarks import results
from benchmarks.measure import cluster, commands, fresh, growth, machine, many_jobs, mirroring, scale, sweeps
from benchmarks.measure.workplace import CommandError
from benchmarks.readme import BENCHMARK, SCALE, SCALE_PAGE, write_block
from benchmarks.results import PartInfo, Results
from benchmarks.table import LONG_PARTS, RATIOS, ROWS, Part, agrees, lines

PARTS: tuple[Part, ...] = ("commands", "cluster", "sweep", "step", "growth")

EPOCHS, QUICK_EPOCHS = 10, 1  # of the sweeps of 32 runs

Samples = dict[str, list[float]]


class Options(NamedTuple):
    """What the command was asked for."""

    parts: tuple[Part, ...]
    mnist: Path | None  # the folder of MNIST's files
    quick: bool

    @property
    def epochs(self) -> int:
        """How long each run of the sweeps of 32 trains."""
        return QUICK_EPOCHS if self.quick else EPOCHS


def main() -> None:
    """Measure; exit with 0 only if all was measured that was asked for and the peers agree."""
    options = _options()
    about = PartInfo(quick=options.quick, load_at_start=round(os.getloadavg()[0], 2))
    measured = results.empty()
    measured["machine"] = machine.machine()
    measured["parts"] = dict.fromkeys(options.parts, about)
    try:
        _measure(options, measured)
    except CommandError as error:
        sys.exit(str(error))
    versions: dict[str, str | None] = fresh.call("versions", "versions")
    # a peer that isn't installed now, and wasn't needed, was there when it was measured
    measured["versions"] = {name: version for name, version in versions.items() if version or "step" in options.parts}
    if not options.quick:
        _keep(measured, options.parts)
    print("\n".join(lines(measured, options.parts)))
    missing = [name for name, value in measured["figures"].items() if value is None]
    if missing:
        print("\nNot measured: " + "; ".join(ROWS[name].title for name in missing))
        print(
            "(PyTorch, JAX and Dask: pip install 'convsweep[bench]'; C: gcc; "
            "memory: --mnist FOLDER, MNIST's four IDX files)"
        )
    all_agree = all(agrees(peer, difference) for peer, difference in measured["agreement"].items())
    sys.exit(0 if all_agree else 1)


def _keep(measured: Results, parts: tuple[Part, ...]) -> None:
    """Write what was measured beside what other parts measured earlier, and the page that shows it."""
    merged = results.merge(results.read(), measured)
    results.write(merged)
    if "growth" in parts:
        fresh.call("growth_picture", "draw", merged["growth"])
    if set(parts) <= set(LONG_PARTS):
        write_block(SCALE, list(lines(merged, LONG_PARTS)), SCALE_PAGE)
    else:
        write_block(BENCHMARK, list(lines(merged, PARTS)))


def _options() -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure convsweep against its targets and its peers."
    )
    parser.add_argument("--quick", action="store_true", help="fewer repeats, about 4 minutes; printed only")
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="MNIST's four IDX files, for the memory rows")
    parser.add_argument(
        "--only", choices=(*PARTS, *LONG_PARTS), help="one part of it; the others' results stay as they are"
    )
    arguments = parser.parse_args()
    return Options((arguments.only,) if arguments.only else PARTS, arguments.mnist, arguments.quick)


def _measure(options: Options, measured: Results) -> None:
    """Measure the parts asked for, and note what they come to."""
    samples: Samples = {}
    if "sweep" in options.parts:
        samples |= _sweep(options)
    if "commands" in options.parts:
        samples |= _commands(options)
    if "cluster" in options.parts:
        _tell("A sweep of 32 runs on a Dask cluster ...")
        samples |= cluster.beyond_local(options.epochs, 1 if options.quick else 5)
    if "step" in options.parts:
        one_core = fresh.cores()[-1:]
        _tell("Do the peers agree? ...")
        measured["agreement"] = fresh.call("agreement", "differences", on=one_core)
        _tell("Steps of training ...")
        samples |= fresh.call("step", "microseconds", 2 if options.quick else 15, on=one_core)
        samples |= fresh.call("step", "compiled_microseconds", 1 if options.quick else 5, on=one_core)
        measured["forms"] = _keep_faster_forms(samples)
    measured["figures"] = _figures(samples, options.parts)
    measured["ranges"] = {name: [_rounded(min(values)), _rounded(max(values))] for name, values in samples.items()}
    if "growth" in options.parts:
        _tell("Growth ...")
        measured["growth"] = growth.measure(options.mnist, quick=options.quick)
    if "scale" in options.parts:
        _tell("Sweeps of many jobs ...")
        measured["scale"] = scale.growth(quick=options.quick)
    if "options" in options.parts:
        _tell("What options change ...")
        measured["scale_options"] = scale.options(quick=options.quick)


def _sweep(options: Options) -> Samples:
    quick, one_core = options.quick, fresh.cores()[-1:]
    _tell("A sweep of 32 runs, and its training alone ...")
    samples = sweeps.stacked(options.epochs, 1 if quick else 2)
    _tell("Telling MLflow of finished runs ...")
    samples["mirror_cpu_s_per_run"] = mirroring.cpu_seconds_per_run(1 if quick else 3)
    _tell("Figures, journal and checkpoints ...")
    samples["figures_cpu_s_per_run"] = fresh.call("recording", "figures", 1 if quick else 3, on=one_core)
    samples["journal_share_of_training"] = fresh.call("recording", "journal_share", options.epochs, 1, on=one_core)
    _tell("Sweeps of many short runs ...")
    samples |= many_jobs.measure(*((20, 100, 600) if quick else (50, 300, 600)))
    _tell("Single runs ...")
    samples["single_run_extra_s"] = sweeps.single_run(1 if quick else 3)
    return samples


def _commands(options: Options) -> Samples:
    quick = options.quick
    _tell("Start-up of commands ...")
    samples = commands.start_up(3 if quick else 7)
    if options.mnist is not None:
        _tell("A whole training process on 59,000 images ...")
        samples["peak_memory_mb"] = [commands.peak_memory(options.mnist) for _ in range(1 if quick else 3)]
    _tell("The sweep of 54 runs ...")
    samples["first_sweep_s"] = commands.first_sweep(1 if quick else 3)
    _tell("Comparing runs ...")
    samples |= commands.comparing(1 if quick else 3)
    _tell("A sweep of 32 runs, under Hydra's own launchers ...")
    return samples | sweeps.other_launchers(options.epochs, 1)


def _keep_faster_forms(samples: Samples) -> dict[str, str]:
    """Where a peer has several forms, keep the faster one's samples under the figure's own name; return its form."""
    forms: dict[str, str] = {}
    for key in [key for key in samples if ":" in key]:
        name, _, form = key.partition(":")
        values = samples.pop(key)
        if name not in samples or statistics.median(values) < statistics.median(samples[name]):
            samples[name], forms[name] = values, form
    return forms


def _figures(samples: Mapping[str, Sequence[float]], parts: Collection[str]) -> dict[str, float | None]:
    """Return the samples' medians and the medians' ratios; None for what these parts could not measure.

    A ratio of two figures that are not both measured in this run is left out: the machine may have changed between.
    """
    figures: dict[str, float | None] = {
        name: None for name, row in ROWS.items() if row.part in parts and name not in RATIOS
    }
    figures |= {name: statistics.median(values) for name, values in samples.items()}
    for name, ratio in RATIOS.items():
        if ratio.over in figures and ratio.under in figures:
            top, bottom = figures[ratio.over], figures[ratio.under]
            share = len(fresh.cores()) if ratio.per_core else 1
            figures[name] = None if top is None or bottom is None else top / bottom * share
    return {name: None if value is None else _rounded(value) for name, value in figures.items()}


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
