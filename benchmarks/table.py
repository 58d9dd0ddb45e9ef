"""The figures as tables: what each one is called, and whether it meets its target."""

from collections.abc import Mapping, Sequence

Figures = Mapping[str, float | None]

ROWS = {
    "numpy_single_us": "convsweep, one model: us a step",
    "numpy_stack8_us_per_model": "convsweep, stack of 8: us a step and model",
    "numpy_stack16_us_per_model": "convsweep, stack of 16: us a step and model",
    "numpy_stack32_us_per_model": "convsweep, stack of 32: us a step and model",
    "jax_scan_us": "JAX scan, one model: us a step",
    "jax_vmap8_us_per_model": "JAX scan of vmap, 8: us a step and model",
    "jax_vmap16_us_per_model": "JAX scan of vmap, 16: us a step and model",
    "torch_eager_us": "PyTorch eager: us a step",
    "c_us": "plain C: us a step",
    "c_blocks_us": "C in convsweep's layout: us a step",
    "loops_us": "plain loops: us a step",
    "ratio_single_jax": "JAX scan / convsweep, one model",
    "ratio_torch": "PyTorch eager / convsweep, one model",
    "ratio_loops": "plain loops / convsweep, one model",
    "ratio_stack16_jax": "JAX vmap 16 / convsweep, stack of 16",
    "ratio_stack16_torch": "PyTorch eager / convsweep, stack of 16",
    "ratio_stack16_c": "plain C / convsweep, stack of 16",
    "ratio_stack16_c_blocks": "C in our layout / convsweep, stack of 16",
    "ratio_stack16_loops": "plain loops / convsweep, stack of 16",
    "sweep32_stacked_s": "32 runs, stacked launcher: s",
    "sweep32_basic_s": "32 runs, Hydra's basic launcher: s",
    "sweep32_joblib2_s": "32 runs, joblib launcher, 2 jobs: s",
    "sweep32_train_only_s": "32 runs, training alone, one core: s",
    "ratio_sweep32_basic": "basic / stacked",
    "ratio_sweep32_joblib2": "joblib / stacked",
    "ratio_sweep32_train_only": "stacked / (training alone / cores)",
    "overhead_cpu_s_per_run": "beyond training and figures: CPU-s a run",
    "peak_memory_mb": "training on 59,000 images: peak MB",
    "help_s": "convsweep --help: s",
    "train_help_s": "convsweep train --help: s",
    "config_error_s": "convsweep train train.epochs=0: s",
    "first_sweep_s": "sweep of 18 runs: s",
}

RATIOS = {
    "ratio_single_jax": ("jax_scan_us", "numpy_single_us"),
    "ratio_torch": ("torch_eager_us", "numpy_single_us"),
    "ratio_loops": ("loops_us", "numpy_single_us"),
    "ratio_stack16_jax": ("jax_vmap16_us_per_model", "numpy_stack16_us_per_model"),
    "ratio_stack16_torch": ("torch_eager_us", "numpy_stack16_us_per_model"),
    "ratio_stack16_c": ("c_us", "numpy_stack16_us_per_model"),
    "ratio_stack16_c_blocks": ("c_blocks_us", "numpy_stack16_us_per_model"),
    "ratio_stack16_loops": ("loops_us", "numpy_stack16_us_per_model"),
    "ratio_sweep32_basic": ("sweep32_basic_s", "sweep32_stacked_s"),
    "ratio_sweep32_joblib2": ("sweep32_joblib2_s", "sweep32_stacked_s"),
    "ratio_sweep32_train_only": ("sweep32_stacked_s", "sweep32_train_only_s"),  # times the cores
}

AT_LEAST = {
    "ratio_single_jax": 1,
    "ratio_torch": 4,
    "ratio_loops": 300,
    "ratio_stack16_jax": 3,
    "ratio_stack16_torch": 18,
    "ratio_stack16_c": 1,
    "ratio_stack16_loops": 1200,
    "ratio_sweep32_basic": 4,
    "ratio_sweep32_joblib2": 2.5,
}
AT_MOST = {
    "ratio_sweep32_train_only": 2,
    "overhead_cpu_s_per_run": 0.15,
    "peak_memory_mb": 700,
    "help_s": 1.5,
    "train_help_s": 1.5,
    "config_error_s": 1.5,
    "first_sweep_s": 90,
}

GROWTH_TITLES = {
    "stack": "A step against the stack: 8 filters, us a step and network",
    "filters": "A step against the filters: one network, and a stack as the launcher makes it",
    "cores": "Training against the cores: one process a core, stacks of 16, steps a second of all networks",
    "images": "Memory against the images: one run of 1 epoch, its whole record included",
    "jobs": "A sweep's memory, all its processes together, one training: stacks grow to 16, then only the jobs",
}


# targets of sweeps at their full length: a quick run's are shorter, so more of their time goes elsewhere
FULL_LENGTH_ONLY = {"ratio_sweep32_basic", "ratio_sweep32_joblib2", "ratio_sweep32_train_only"}


def print_figures(figures: Figures, samples: Mapping[str, Sequence[float]], *, quick: bool) -> None:
    """Print every figure with the range of its samples and its target."""
    print(f"{'':46}{'median':>9}  {'range':>17}  target")
    for name, title in ROWS.items():
        values = samples.get(name)
        target = "full run only" if quick and name in FULL_LENGTH_ONLY else _target(name, figures[name])
        spread = f"{_number(min(values))} .. {_number(max(values))}" if values else ""
        print(f"{title:46}{_number(figures[name]):>9}  {spread:>17}  {target}".rstrip())
    print()


def print_growth(growth: Mapping[str, Mapping[str, Sequence[float | None]]]) -> None:
    """Print how cost grows, a line a series."""
    for part, series in growth.items():
        print(GROWTH_TITLES[part])
        for name, values in series.items():
            numbers = (f"{value:,}" if isinstance(value, int) else _number(value) for value in values)
            print(f"  {name:20}" + "".join(f"{number:>10}" for number in numbers))
    print()


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _target(name: str, value: float | None) -> str:
    if name in AT_LEAST:
        text, met = f">= {AT_LEAST[name]}", value is not None and value >= AT_LEAST[name]
    elif name in AT_MOST:
        text, met = f"<= {AT_MOST[name]}", value is not None and value <= AT_MOST[name]
    else:
        return ""
    return f"{text:8}{'not measured' if value is None else 'met' if met else 'MISSED'}"
