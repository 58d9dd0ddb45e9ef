"""The figures as tables: what each one is called, and whether it meets its target."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from benchmarks import scale_model
from benchmarks.results import Results, Series

Part = Literal["step", "sweep", "commands", "cluster", "growth", "scale", "options"]
LONG_PARTS: tuple[Part, ...] = ("scale", "options")  # measured only if asked for; they have a page of their own


class Row(NamedTuple):
    """A figure."""

    part: Part  # that measures it
    title: str
    at_least: float | None = None  # targets
    at_most: float | None = None
    full_run_only: bool = False  # a quick run's sweeps are shorter, so more of their time goes elsewhere


class Ratio(NamedTuple):
    """A figure that follows from two others."""

    over: str
    under: str
    per_core: bool = False  # the latter is on one core, and would be shared by all


ROWS = {
    "numpy_single_us": Row("step", "convsweep, one model: us a step"),
    "numpy_stack8_us_per_model": Row("step", "convsweep, stack of 8: us a step and model"),
    "numpy_stack16_us_per_model": Row("step", "convsweep, stack of 16: us a step and model"),
    "numpy_stack32_us_per_model": Row("step", "convsweep, stack of 32: us a step and model"),
    "numpy_evaluation_us": Row("step", "evaluating, one model: us an image", at_most=6),
    "numpy_evaluation16_us_per_model": Row("step", "evaluating, stack of 16: us an image and model", at_most=1.8),
    "jax_scan_us": Row("step", "JAX scan, one model: us a step"),
    "jax_vmap8_us_per_model": Row("step", "JAX scan of vmap, 8: us a step and model"),
    "jax_vmap16_us_per_model": Row("step", "JAX scan of vmap, 16: us a step and model"),
    "torch_eager_us": Row("step", "PyTorch eager: us a step"),
    "torch_compiled_us": Row("step", "PyTorch compiled: us a step"),
    "torch_vmap16_us_per_model": Row("step", "PyTorch compiled vmap, 16: us a step and model"),
    "c_us": Row("step", "plain C: us a step"),
    "c_blocks_us": Row("step", "C in convsweep's layout: us a step"),
    "loops_us": Row("step", "plain loops: us a step"),
    "ratio_single_jax": Row("step", "JAX scan / convsweep, one model", at_least=1.4),
    "ratio_torch": Row("step", "PyTorch eager / convsweep, one model", at_least=4),
    "ratio_loops": Row("step", "plain loops / convsweep, one model", at_least=300),
    "ratio_stack16_jax": Row("step", "JAX vmap 16 / convsweep, stack of 16", at_least=3),
    "ratio_stack16_torch": Row("step", "PyTorch eager / convsweep, stack of 16", at_least=18),
    "ratio_stack16_torch_vmap": Row("step", "PyTorch vmap 16 / convsweep, stack of 16"),
    "ratio_stack16_c": Row("step", "plain C / convsweep, stack of 16", at_least=1.7),
    "ratio_stack16_c_blocks": Row("step", "C in our layout / convsweep, stack of 16", at_least=0.88),
    "ratio_stack16_loops": Row("step", "plain loops / convsweep, stack of 16", at_least=1200),
    "sweep32_stacked_s": Row("sweep", "32 runs, stacked launcher: s"),
    "sweep32_train_only_s": Row("sweep", "32 runs, training alone, one core: s"),
    "ratio_sweep32_train_only": Row("sweep", "stacked / (training alone / cores)", at_most=1.75, full_run_only=True),
    "last_checkpoint_to_prompt_s": Row("sweep", "32 runs, last checkpoint to the prompt: s", at_most=2.5),
    "mirror_cpu_s_per_run": Row("sweep", "telling MLflow of a run: CPU-s", at_most=0.07),
    "figures_cpu_s_per_run": Row("sweep", "drawing a run's figures: CPU-s", at_most=0.08),
    "journal_share_of_training": Row("sweep", "journal and checkpoints / training", at_most=0.05, full_run_only=True),
    "sweep300_tiny_cpu_s_per_job": Row("sweep", "300 jobs of 50 images: CPU-s a job", at_most=0.2, full_run_only=True),
    "sweep_mb_per_job": Row("sweep", "first process, 50 to 300 jobs: MB a job", at_most=0.15, full_run_only=True),
    "repeat_finished_s": Row("sweep", "the 300 jobs again, all finished: s"),
    "compose600_s": Row("sweep", "convsweep plan of 600 jobs: s", at_most=5),
    "single_run_extra_s": Row("sweep", "one default run, beyond training: s", at_most=1.5),
    "sweep32_basic_s": Row("commands", "32 runs, Hydra's basic launcher: s"),
    "sweep32_joblib2_s": Row("commands", "32 runs, joblib launcher, 2 jobs: s"),
    "ratio_sweep32_basic": Row("commands", "basic / stacked", at_least=4, full_run_only=True),
    "ratio_sweep32_joblib2": Row("commands", "joblib / stacked", at_least=2.5, full_run_only=True),
    "first_sweep_s": Row("commands", "sweep of 54 runs: s", at_most=25),
    "compare54_s": Row("commands", "comparing its runs: s", at_most=1),
    "compare5000_s": Row("commands", "comparing 5,000 runs, with a report: s", at_most=10),
    "help_s": Row("commands", "convsweep --help: s", at_most=1.5),
    "train_help_s": Row("commands", "convsweep train --help: s", at_most=1.5),
    "config_error_s": Row("commands", "convsweep train train.epochs=0: s", at_most=1.5),
    "sweep32_local_s": Row("cluster", "32 runs, local processes: s"),
    "sweep32_dask_s": Row("cluster", "32 runs, two Dask workers: s"),
    "dask_beyond_local_s": Row("cluster", "Dask beyond local processes: s a sweep", at_most=3),
    "ratio_sweep32_dask": Row("cluster", "Dask / local processes", at_most=1.1, full_run_only=True),
    "peak_memory_mb": Row("commands", "training on 59,000 images: peak MB", at_most=700),
}

RATIOS = {
    "ratio_single_jax": Ratio("jax_scan_us", "numpy_single_us"),
    "ratio_torch": Ratio("torch_eager_us", "numpy_single_us"),
    "ratio_loops": Ratio("loops_us", "numpy_single_us"),
    "ratio_stack16_jax": Ratio("jax_vmap16_us_per_model", "numpy_stack16_us_per_model"),
    "ratio_stack16_torch": Ratio("torch_eager_us", "numpy_stack16_us_per_model"),
    "ratio_stack16_torch_vmap": Ratio("torch_vmap16_us_per_model", "numpy_stack16_us_per_model"),
    "ratio_stack16_c": Ratio("c_us", "numpy_stack16_us_per_model"),
    "ratio_stack16_c_blocks": Ratio("c_blocks_us", "numpy_stack16_us_per_model"),
    "ratio_stack16_loops": Ratio("loops_us", "numpy_stack16_us_per_model"),
    "ratio_sweep32_train_only": Ratio("sweep32_stacked_s", "sweep32_train_only_s", per_core=True),
    "ratio_sweep32_dask": Ratio("sweep32_dask_s", "sweep32_local_s"),
    "ratio_sweep32_basic": Ratio("sweep32_basic_s", "sweep32_stacked_s"),
    "ratio_sweep32_joblib2": Ratio("sweep32_joblib2_s", "sweep32_stacked_s"),
}

GROWTH_TITLES = {
    "stack": "A step against the stack: 8 filters, us a step and network",
    "filters": "A step against the filters: one network, and a stack as the launcher makes it",
    "cores": "Training against the cores: one process a core, stacks of 16, steps a second of all networks",
    "images": "Memory against the images: one run of 1 epoch, figures included",
    "jobs": "A sweep's memory, all its processes together, one training: stacks grow to 16, then only the jobs",
}

SCALE_TITLES = {
    "jobs": "jobs",
    "plan_cpu_s": "convsweep plan: CPU-s",
    "train_s": "training, by the clock: s",
    "head_cpu_ms_per_job": "head: CPU-ms a job",
    "worker_cpu_ms_per_job": "workers: CPU-ms a job",
    "head_mb": "head: peak MB",
    "files_per_job": "records: files and folders a job",
    "kb_per_job": "records: kB a job",
    "mirror_runs_per_s": "sync, by the clock: runs a second",
    "mirror_cpu_ms_per_run": "sync: CPU-ms a run",
    "mirror_mb": "sync: peak MB",
    "names_per_job_with_mlflow": "with MLflow: names a job",
    "kb_per_job_with_mlflow": "with MLflow: kB a job",
    "database_kb_per_job": "its SQLite database: kB a job",
    "sync_again_cpu_s": "sync, all sent before: CPU-s",
    "train_again_cpu_s": "train, all finished: CPU-s",
    "report_cpu_s": "compare --html: CPU-s",
    "report_mb": "compare --html: peak MB",
}

# largest difference of two losses, in nats; seen: 1e-14, 3e-6
AGREEMENT = {"float64": 1e-9, "float32": 1e-4}


def agrees(peer: str, difference: float) -> bool:
    """Tell whether a peer's losses are near enough; a NaN isn't."""
    return difference <= AGREEMENT[peer.rpartition(", ")[2]]


def lines(results: Results, parts: Collection[str]) -> Iterator[str]:
    """Yield what is printed of some parts: the machine, then every figure with its range and target."""
    machine = results["machine"]
    yield f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}"
    yield ", ".join(f"{name} {version}" for name, version in results["versions"].items() if version)
    for part in parts:
        if part in results["parts"]:
            about = results["parts"][part]
            yield f"{part}: {'quick run, ' if about['quick'] else ''}load {about['load_at_start']} at the start"
    if "step" in parts:
        for peer, difference in results["agreement"].items():
            verdict = "agrees" if agrees(peer, difference) else "DISAGREES"
            limit = AGREEMENT[peer.rpartition(", ")[2]]
            yield f"convsweep {verdict} with {peer}: losses at most {difference:.1e} apart (limit {limit:g})"
        yield "Steps: 8 filters, float32 (loops: float64), one image a step, all on one core, data=mnist_5k"
        yield from (f"{name}: the {form} form is the faster one" for name, form in results["forms"].items())
    rows = {name: row for name, row in ROWS.items() if row.part in parts and name in results["figures"]}
    if rows:
        yield ""
        yield f"{'':46}{'median':>9}  {'range':>17}  target"
        for name, row in rows.items():
            yield _line(name, row, results)
    if "growth" in parts:
        yield ""
        yield from _growth(results["growth"])
    if "scale" in parts and results["scale"]:
        yield ""
        yield from _scale(results)


def _line(name: str, row: Row, results: Results) -> str:
    value, spread = results["figures"][name], results["ranges"].get(name)
    about = results["parts"].get(row.part)
    quick = about is not None and about["quick"]
    target = "full run only" if quick and row.full_run_only else _target(row, value)
    low_to_high = f"{_number(spread[0])} .. {_number(spread[1])}" if spread else ""
    return f"{row.title:46}{_number(value):>9}  {low_to_high:>17}  {target}".rstrip()


def _growth(growth: Mapping[str, Series]) -> Iterator[str]:
    """Yield how cost grows, a line a series."""
    for part, series in growth.items():
        yield GROWTH_TITLES[part]
        for name, values in series.items():
            yield f"  {name:20}" + "".join(f"{number:>10}" for number in _numbers(values))


def _scale(results: Results) -> Iterator[str]:
    """Yield what sweeps of many jobs cost, what options change, and the model."""
    for name, title in SCALE_TITLES.items():
        values = results["scale"].get(name)
        if values:
            yield f"{title:38}" + "".join(f"{number:>10}" for number in _numbers(values))
    for option, series in results["scale_options"].items():
        yield ""
        yield f"{option}:"
        for name, values in series.items():
            yield f"  {SCALE_TITLES[name]:36}" + "".join(f"{number:>10}" for number in _numbers(values))
    yield ""
    yield from scale_model.lines(results["scale"])


def _numbers(values: Sequence[float | None]) -> Iterator[str]:
    for value in values:
        yield f"{value:,}" if isinstance(value, int) else _number(value)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if abs(value) >= 10:
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.2 else f"{value:.3f}"


def _target(row: Row, value: float | None) -> str:
    if row.at_least is not None:
        text, met = f">= {row.at_least:g}", value is not None and value >= row.at_least
    elif row.at_most is not None:
        text, met = f"<= {row.at_most:g}", value is not None and value <= row.at_most
    else:
        return ""
    return f"{text:8}{'not measured' if value is None else 'met' if met else 'MISSED'}"
