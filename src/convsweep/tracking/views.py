"""Saved views of MLflow's runs page, written from code: a sorted table and pages of charts, each behind one link.

Without them the page shows neither params nor metrics, and one collapsed row a sweep. A view is a tag of the experiment
whose value is the page's state as zlib-compressed JSON. MLflow doesn't document the format: this is 3.17's, and a test
opens each view in a browser.

Left out, because 3.17's charts can't do it: logarithmic axes of params, intervals, images of chosen runs only.
"""

import base64
import json
import time
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from mlflow.entities import Run

from convsweep.compare.runs import SEEDS
from convsweep.naming import HYPERPARAMETERS
from convsweep.tracking.names import AXES_TAG, CONFIG_TAG, CONFIGURATION_TAG, STUDY_TAG, SWEEP_TAG, tagged
from convsweep.tracking.store import Store, search

METRIC = "valid/accuracy"
TABLE_METRICS = (METRIC, "test/accuracy", "valid/loss", "test/loss")
# dots: bars would begin at 0, where accuracies look alike, and cut the runs' names
_ACCURACIES: Mapping[str, Any] = {
    "type": "SCATTER",
    "xaxis": {"key": METRIC, "type": "METRIC"},
    "yaxis": {"key": "test/accuracy", "type": "METRIC"},
}
MOST_FOLDED = 60  # groups whose runs are hidden at first: an experiment's tag has room for 5,000 characters
SEED_NAMES = tuple(HYPERPARAMETERS.get(key, CONFIG_TAG + key) for key in SEEDS)

ViewName = Literal["leaderboard", "charts", "seeds"]


class Shown(NamedTuple):
    """The runs that views show."""

    id: str  # part of the views' own names
    title: str
    condition: str  # in MLflow's search language
    params: tuple[str, ...]  # that vary
    tags: tuple[str, ...]  # of configuration values that vary
    configurations: tuple[str, ...]  # their names, best run first
    accuracies: tuple[float, ...]  # on ``valid``, at the end


def shown_sweep_runs(store: Store, parent: Run) -> Shown:
    """Return what there is to show of a sweep, given its parent run."""
    sweep_id, axes = parent.data.tags[SWEEP_TAG], parent.data.tags[AXES_TAG].split(", ")
    return _shown(store, sweep_id, parent.info.run_name, tagged(sweep=sweep_id, role="run"), axes)


def shown_all_runs(store: Store) -> Shown:
    """Return what there is to show of all runs."""
    return _shown(store, "all", "all runs", tagged(role="run"), ())


def save_view(store: Store, shown: Shown, name: ViewName) -> str:
    """Write a view of runs, and return its address, relative to the server's."""
    state = {"leaderboard": _table, "charts": _charts, "seeds": _seeds}[name](shown)
    mode = "" if name == "leaderboard" else "&compareRunsMode=CHART"
    return _save(store, f"convsweep-{name}-{shown.id}", f"{name.capitalize()}: {shown.title}", state) + mode


def save_reproduction_view(store: Store, study: Run) -> str:
    """Write the view of a study's runs, grouped by their gradient rule, given its parent run; return its address."""
    study_id, title = study.data.tags[STUDY_TAG], study.info.run_name
    shown = Shown(study_id, title, tagged(study=study_id, role="replication"), (), (), (), ())
    metrics = ("test/loss", "test/accuracy")
    columns = [f"metrics.`{name}`" for name in metrics] + ["params.`gradient`", "params.`seed`"]
    state = _table(shown) | {
        "orderByKey": "metrics.`test/loss`",
        "orderByAsc": True,
        "selectedColumns": columns,
        "groupBy": _grouped("param", "gradient"),
        "useGroupedValuesInCharts": True,
    }
    cards: list[dict[str, Any]] = [
        {"type": "BAR", "metricKey": "test/accuracy"},
        {"type": "BAR", "metricKey": "test/loss"},
        _curve("train/accuracy"),
        _curve("train/loss"),
    ]
    view = state | _section("Reproduction", cards, columns=2)
    return _save(store, f"convsweep-reproduction-{study_id}", f"Reproduction: {title}", view) + "&compareRunsMode=CHART"


def _shown(store: Store, name: str, title: str, condition: str, axes: Sequence[str]) -> Shown:
    runs = search(store, condition)
    first = [HYPERPARAMETERS.get(axis, CONFIG_TAG + axis) for axis in axes]
    params = _varied([run.data.params for run in runs], first)
    tags = _varied([_config_of(run) for run in runs], first)
    best_first = sorted(runs, key=lambda run: -run.data.metrics.get(METRIC, 0.0))
    configurations = dict.fromkeys(
        run.data.tags[CONFIGURATION_TAG] for run in best_first if CONFIGURATION_TAG in run.data.tags
    )
    accuracies = tuple(run.data.metrics[METRIC] for run in runs if METRIC in run.data.metrics)
    return Shown(name, title, condition, params, tags, tuple(configurations), accuracies)


def _config_of(run: Run) -> dict[str, str]:
    return {key: value for key, value in run.data.tags.items() if key.startswith(CONFIG_TAG)}


def _varied(values: Sequence[Mapping[str, str]], first: Sequence[str]) -> tuple[str, ...]:
    """Return the names whose values differ, those that come first in that order, then the others."""
    names = dict.fromkeys([*first, *(name for one in values for name in one)])
    return tuple(name for name in names if len({one.get(name) for one in values}) > 1)


def _save(store: Store, view: str, title: str, state: Mapping[str, Any]) -> str:
    deflated = base64.b64encode(zlib.compress(json.dumps(state).encode(), 9)).decode()
    now = int(time.time() * 1000)
    value = json.dumps({"name": title[:100], "createdAt": now, "updatedAt": now, "state": f"deflate;{deflated}"})
    store.client.set_experiment_tag(store.experiment_id, f"mlflow.sharedViewState.{view}", value)
    return f"#/experiments/{store.experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={view}"


def _table(shown: Shown) -> dict[str, Any]:
    metric_columns = [f"metrics.`{name}`" for name in TABLE_METRICS]
    config_columns = [f"params.`{name}`" for name in shown.params] + [f"tags.`{name}`" for name in shown.tags]
    order = ["attributes.`Run Name`", *config_columns, *metric_columns, "runDateAndNestInfo", "duration"]
    return {
        "searchFilter": shown.condition,
        "orderByKey": f"metrics.`{METRIC}`",
        "orderByAsc": False,
        "selectedColumns": ["attributes.`Duration`", *metric_columns, *config_columns],
        "columnOrder": order,
        # the table fits a screen of 1,600 pixels with four hyperparameters that vary
        "columnWidths": dict.fromkeys(order, 110) | {order[0]: 190, order[-1]: 80},
        "runsHiddenMode": "SHOW_ALL",
    }


def _charts(shown: Shown) -> dict[str, Any]:
    params = [name for name in shown.params if name not in SEED_NAMES]
    cards: list[Mapping[str, Any]] = [
        {"type": "PARALLEL", "selectedParams": params, "selectedMetrics": [METRIC], "showAllRuns": True},
        _ACCURACIES,
        _accuracy_curve(shown),
        _curve("valid/loss", scaleType="log"),
    ]
    return _table(shown) | _section("Sweep", cards, columns=2)


def _seeds(shown: Shown) -> dict[str, Any]:
    """Return the state of the charts of configurations: means over their seeds, and the range from least to largest."""
    cards = [_accuracy_curve(shown), _curve("valid/loss", scaleType="log"), _ACCURACIES, _curve("train/loss")]
    grouped = {
        "groupBy": _grouped("tag", CONFIGURATION_TAG),
        "groupsExpanded": {f"tag.{CONFIGURATION_TAG}.{name}": False for name in shown.configurations[:MOST_FOLDED]},
        "useGroupedValuesInCharts": True,
    }
    return _table(shown) | grouped | _section("Means over seeds", cards, columns=2)


def _grouped(mode: str, key: str) -> dict[str, Any]:
    return {"aggregateFunction": "average", "groupByKeys": [{"mode": mode, "groupByData": key}]}


def _section(name: str, cards: Sequence[Mapping[str, Any]], *, columns: int) -> dict[str, Any]:
    section = {
        "uuid": "convsweep",
        "name": name,
        "display": True,
        "isReordered": True,
        "columns": columns,
        "cardHeight": 275,  # two rows fit a screen of 1,000 pixels,
    }
    common = {"metricSectionId": section["uuid"], "runsCountToCompare": 100}
    not_made_by_mlflow = {"deleted": False, "isGenerated": False}
    return {
        "compareRunCharts": [
            {"uuid": f"convsweep-{i}", **card, **common, **not_made_by_mlflow} for i, card in enumerate(cards)
        ],
        "compareRunSections": [section | not_made_by_mlflow],
        "isAccordionReordered": True,
    }


def _accuracy_curve(shown: Shown) -> dict[str, Any]:
    """Return the card of accuracies on ``valid``, which leaves out what is below all runs' last ones."""
    low, high = min(shown.accuracies, default=0.0), max(shown.accuracies, default=1.0)
    margin = max(0.25 * (high - low), 0.01)
    return _curve(METRIC, range={"yMin": max(low - margin, 0.0), "yMax": min(high + margin, 1.0)})


def _curve(metric: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - MLflow's own JSON
    # unless it is told so in all these words, the page smooths the curve into another
    unsmoothed = {"lineSmoothness": 0, "useGlobalXaxisKey": True, "useGlobalLineSmoothing": True}
    return {
        "type": "LINE",
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "xAxisKey": "step",
        **unsmoothed,
        **more,
    }
