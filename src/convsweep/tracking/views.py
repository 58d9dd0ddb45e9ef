"""Saved views of MLflow's runs page, written from code: a sorted table and a page of charts, each behind one link.

Without them the page shows neither params nor metrics, and one collapsed row a sweep. A view is a
tag of the experiment whose value is the page's state as zlib-compressed JSON. MLflow doesn't
document the format: this is 3.17's, and a test opens both views in a browser.
"""

import base64
import json
import time
import zlib
from collections.abc import Sequence
from typing import Any

from convsweep.tracking.store import Store

METRIC = "valid/accuracy"
TABLE_METRICS = (METRIC, "test/accuracy", "valid/loss", "test/loss")


def save_views(store: Store, condition: str, params: Sequence[str], tags: Sequence[str]) -> dict[str, str]:
    """Write the views of the runs that meet a condition.

    Args:
        store: The experiment they are kept in.
        condition: Which runs, in MLflow's search language.
        params: The params to show; the first two span the contour plot.
        tags: The tags to show.

    Returns:
        What each view shows, and its address relative to the server's.
    """
    table = _table(condition, params, tags)
    addresses = {}
    for what, state, query in (
        ("table", table, ""),
        ("charts", table | _charts(params), "&compareRunsMode=CHART"),
    ):
        view = f"convsweep-{what}"
        store.client.set_experiment_tag(store.experiment_id, f"mlflow.sharedViewState.{view}", _packed(view, state))
        addresses[what] = (
            f"#/experiments/{store.experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={view}{query}"
        )
    return addresses


def _packed(name: str, state: dict[str, Any]) -> str:
    deflated = base64.b64encode(zlib.compress(json.dumps(state).encode(), 9)).decode()
    now = int(time.time() * 1000)
    return json.dumps({"name": name, "createdAt": now, "updatedAt": now, "state": f"deflate;{deflated}"})


def _table(condition: str, params: Sequence[str], tags: Sequence[str]) -> dict[str, Any]:
    metric_columns = [f"metrics.`{name}`" for name in TABLE_METRICS]
    config_columns = [f"params.`{name}`" for name in params] + [f"tags.`{name}`" for name in tags]
    order = ["attributes.`Run Name`", *config_columns, *metric_columns, "runDateAndNestInfo", "duration"]
    return {
        "searchFilter": condition,
        "orderByKey": f"metrics.`{METRIC}`",
        "orderByAsc": False,
        "selectedColumns": ["attributes.`Duration`", *metric_columns, *config_columns],
        "columnOrder": order,
        # narrow enough for the table to fit beside the assistant's panel, which MLflow opens at a first visit
        "columnWidths": dict.fromkeys(order, 92) | {order[0]: 140},
        "runsHiddenMode": "SHOW_ALL",
    }


def _charts(params: Sequence[str]) -> dict[str, Any]:
    charts: list[dict[str, Any]] = [
        {"type": "PARALLEL", "selectedParams": list(params), "selectedMetrics": [METRIC], "showAllRuns": True},
        {"type": "BAR", "metricKey": "test/accuracy"},
        _curve(METRIC),
        _curve("train/loss"),
        _curve("valid/loss"),
    ]
    if len(params) > 1:
        charts.append(
            {
                "type": "CONTOUR",
                "xaxis": {"key": params[0], "type": "PARAM"},
                "yaxis": {"key": params[1], "type": "PARAM"},
                "zaxis": {"key": METRIC, "type": "METRIC"},
            }
        )
    section = {
        "uuid": "convsweep",
        "name": "Sweep",
        "display": True,
        "isReordered": True,
        "columns": 2,
        "cardHeight": 340,
    }
    common = {"metricSectionId": section["uuid"], "runsCountToCompare": 100}
    not_made_by_mlflow = {"deleted": False, "isGenerated": False}
    return {
        "compareRunCharts": [
            {"uuid": f"convsweep-{i}", **chart, **common, **not_made_by_mlflow} for i, chart in enumerate(charts)
        ],
        "compareRunSections": [section | not_made_by_mlflow],
        "isAccordionReordered": True,
    }


def _curve(metric: str) -> dict[str, Any]:
    # unless it is told so in all these words, the page smooths the curve into another
    unsmoothed = {"lineSmoothness": 0, "useGlobalXaxisKey": True, "useGlobalLineSmoothing": True}
    return {"type": "LINE", "metricKey": metric, "selectedMetricKeys": [metric], "xAxisKey": "step", **unsmoothed}
