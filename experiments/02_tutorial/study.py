"""02_tutorial: which program the tutorial's numbers come from; what ``convsweep reproduce`` computes, as a page."""

import json
from collections import Counter
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from convsweep.data import load
from convsweep.hydra_app.compose import compose_run
from convsweep.markdown import blocks, image, table
from convsweep.reproduce.charts import write_pictures
from convsweep.reproduce.protocol import all_trainings
from convsweep.reproduce.reproduction import case_of, judge_all
from convsweep.reproduce.tables import write_tables
from convsweep.reproduce.trainings import all_courses
from convsweep.reproduce.which_report import explained_p, relative, shown_p
from experiments.harness.study import Facts, Report, Setting, Study, data_fact

SMALL = ("data.num_train=600",)
SEEDS, SMALL_SEEDS = 20, 4
PRIMARY, SECONDARY = "test_loss", "test_accuracy"
SUMMARIES = {  # the quantities of the first table; all others are single windows
    PRIMARY: "test loss (primary)",
    SECONDARY: "test accuracy (secondary)",
    "windows": "all windows together (largest distance)",
    "loss_from_ln10": "distance of the loss from ln 10",
}
CORRELATION = "correlation"
ALL = "all"  # a program's quantity: the windows and the test of the full run together
PICTURES = {
    "first_windows.png": "The losses printed without training and in the first steps",
    "test.png": "Test loss and accuracy of every seed, rule by rule; the line is what the tutorial reports",
    "epoch_10.png": "The ten windows of epoch 10, ours and the reported",
}
RULES = ("exact", "last_class", "as_printed")


def _measure(setting: Setting) -> Facts:
    config = compose_run(["data=mnist", *(SMALL if setting.small else ()), *setting.overrides])
    num_seeds = SMALL_SEEDS if setting.small else SEEDS
    case, dataset = case_of(config, num_seeds, all_programs=True), load(config.data)
    reproduction = judge_all(case, dataset, all_courses(all_trainings(case)))
    write_tables(reproduction, setting.folder)
    write_pictures(reproduction, setting.folder)
    return Facts(
        data_fact(dataset),
        f"0 to {num_seeds - 1} (initial parameters), none dropped; the images keep the file's order",
    )


def _read(folder: Path) -> pd.DataFrame:
    """Return the verdicts, and below them the correlations and each program's joint verdict as rows of their own."""
    correlations = pd.read_json(folder / "correlations.json").rename(
        columns={"of_mean": "mean", "lowest": "low", "highest": "high"}
    )
    verdicts = pd.read_json(folder / "verdicts.json")
    joint = [row for row in json.loads((folder / "programs.json").read_text()) if row["quantity"] == ALL]
    programs = pd.DataFrame(
        {
            "program": row["program"],
            "quantity": ALL,
            "verdict": row["verdict"],
            "p_own": row["p_own"],
            "p_rivals": row["p_rivals"],
            "log_likelihood": row["log_likelihood"],
            "n": row["n"],
            "diverged": row["diverged"],
            "farthest": row["loudest"][0]["quantity"],
            "reported": row["loudest"][0]["reported"],
            "mean": row["loudest"][0]["mean"],
        }
        for row in joint
    )
    others = correlations.assign(experiment="full", quantity=CORRELATION)
    return pd.concat([verdicts, others, programs], ignore_index=True)


def _report(record: pd.DataFrame) -> Report:
    # a verdict that is the same under several gradient rules is shown once, under `exact`
    verdicts = record.drop_duplicates(subset=[name for name in record.columns if name != "gradient"])
    summaries = verdicts[verdicts["quantity"].isin(list(SUMMARIES))]
    windows = verdicts[verdicts["quantity"].str.contains("@")]
    counts = [
        [experiment, f"`{gradient}`", len(rows), *_counted(rows)]
        for (experiment, gradient), rows in windows.groupby(["experiment", "gradient"], sort=False)
    ]
    measured = blocks(
        "Reported is what the tutorial prints (for the windows: how far all of it together is from our seeds). The "
        "interval is where one more seed would fall with 95% probability; p is that of a value as far out as the "
        "reported one, and decides: at most 0.05 is inconsistent. The smallest that 20 seeds can give to all windows "
        "together, or where all seeds diverged, is 0.048. The distance from ln 10 has a limit instead, which the "
        "reported and the mean are to stay below. What is the same under another rule stands under `exact` only: all "
        "that is untrained, and the dense layer alone under `last_class`.",
        table(
            [
                "experiment",
                "gradient",
                "quantity",
                "reported",
                "mean (SD)",
                "95% for one more, or limit",
                "seeds",
                "p",
                "verdict",
            ],
            [_row(verdict) for verdict in summaries.to_dict("records")],
        ),
        "The single windows, which are correlated and so not judged one by one; at 5% one in twenty is inconsistent by "
        "chance:",
        table(["experiment", "gradient", "numbers", "consistent", "inconsistent", "inconclusive"], counts),
        "How the ten losses printed in epoch 10 go up and down with the reported ones (Pearson's correlation, of the "
        "seeds' mean and of single seeds):",
        table(
            ["gradient", "mean of seeds", "seeds, lowest to highest"],
            map(_correlation, record[record["quantity"] == CORRELATION].to_dict("records")),
        ),
        *(image(caption, file) for file, caption in PICTURES.items()),
        "The numbers of the full run, windows and test together, beside those of every program that a log is judged by "
        "(`convsweep reproduce --all-programs`; src/convsweep/reproduce/programs.py says what each does). Likelihood "
        "is relative to the likeliest program; the farthest number is the one that lies farthest from its seeds.",
        *explained_p(int(record[record["quantity"] == ALL]["n"].max())),
        table(
            ["program", "verdict", "p own", "p rivals", "likelihood", "farthest number", "reported", "mean of seeds"],
            _programs(record[record["quantity"] == ALL]),
        ),
    )
    programs = _programs_answer(record[record["quantity"] == ALL])
    return Report(measured, f"{_answer(verdicts)}\n\n{blocks(programs)}")


def _programs(rows: pd.DataFrame) -> list[list[str]]:
    best = rows["log_likelihood"].max()
    return [
        [
            f"`{row['program']}`",
            str(row["verdict"]),
            shown_p(row["p_own"]),
            shown_p(row["p_rivals"]),
            relative(row["log_likelihood"] - best),
            str(row["farthest"]),
            _number(row["reported"]),
            f"{row['diverged']:g} of {row['n']:g} diverged" if row["diverged"] else _number(row["mean"]),
        ]
        for row in rows.to_dict("records")
    ]


def _programs_answer(rows: pd.DataFrame) -> str:
    ruled_out = rows[rows["verdict"] == "inconsistent"]["program"]
    remaining = rows[rows["verdict"] != "inconsistent"]["program"]
    names = " and ".join(f"`{name}`" for name in remaining) or "none"
    return (
        f"Of {len(rows)} programs, the full run's numbers taken together leave {names}, and rule out {len(ruled_out)}: "
        f"{', '.join(f'`{name}`' for name in ruled_out) or 'none'}."
    )


def _correlation(row: Mapping[Hashable, Any]) -> list[str]:
    mean, low, high = (_number(row[name], ".2f") for name in ("mean", "low", "high"))
    return [f"`{row['gradient']}`", mean or "none", f"{low} to {high}" if mean else ""]


def _row(verdict: Mapping[Hashable, Any]) -> list[str]:
    mean, sd = _number(verdict["mean"]), _number(verdict["sd"])
    limit = f"limit {_number(verdict['margin'])}" if verdict["quantity"] == "loss_from_ln10" else ""
    low, high, diverged = _number(verdict["low"]), _number(verdict["high"]), int(verdict["diverged"])
    return [
        str(verdict["experiment"]),
        f"`{verdict['gradient']}`",
        SUMMARIES[str(verdict["quantity"])],
        _number(verdict["reported"]),
        f"{mean} ({sd})" if sd else mean,
        f"[{low}, {high}]" if low and high else limit,
        f"{verdict['n']:g}",
        "" if pd.isna(verdict["p"]) else shown_p(verdict["p"]),
        str(verdict["verdict"]) + (f" ({diverged} diverged)" if diverged else ""),
    ]


def _number(value: object, form: str = ".4f") -> str:
    return f"{value:{form}}" if isinstance(value, float | int) and not pd.isna(value) else ""


def _counted(rows: pd.DataFrame) -> list[int]:
    counts = Counter(rows["verdict"])
    return [counts[verdict] for verdict in ("consistent", "inconsistent", "inconclusive")]


def _answer(verdicts: pd.DataFrame) -> str:
    full = verdicts[verdicts["experiment"] == "full"]
    by_rule = {rule: full[full["gradient"] == rule].set_index("quantity")["verdict"] for rule in RULES}
    fitting = [rule for rule in RULES if by_rule[rule].get(PRIMARY) == "consistent"]
    first = (
        f"By their test loss the reported numbers are consistent with {_rules(fitting)}: "
        + "; ".join(f"`{rule}` {_judged(by_rule[rule])}" for rule in RULES)
        + "."
    )
    others = verdicts[(verdicts["experiment"] != "full") & (verdicts["quantity"] == "windows")]
    earlier = ", ".join(f"{row.experiment} under `{row.gradient}` {row.verdict}" for row in others.itertuples())
    return blocks(first, f"All windows of the other experiments, each taken together: {earlier}." if earlier else "")


def _rules(rules: list[str]) -> str:
    return " and ".join(f"`{rule}`" for rule in rules) if rules else "no rule"


def _judged(by_quantity: "pd.Series[str]") -> str:
    names = {PRIMARY: "test loss", SECONDARY: "test accuracy", "windows": "windows"}
    return ", ".join(f"{text} {by_quantity[name]}" for name, text in names.items() if name in by_quantity)


def _draw(_: pd.DataFrame) -> dict[str, Figure]:
    return {}  # drawn while measuring, from more than the record holds: every window of every seed


STUDY = Study(
    title="The tutorial's reported numbers",
    question="Which program do the tutorial's reported numbers come from?",
    expected="Neither from its mathematics (`exact`) nor from its code as printed (`as_printed`, which diverges), but "
    "from a program with one of its two faults (`last_class`). Untrained and dense-only runs don't reach the "
    "convolution's gradient and should be consistent under any sound rule.",
    measure=_measure,
    report=_report,
    draw=_draw,
    read=_read,
)
