"""The page of ours on MLflow's server, as HTML: each sweep with its answer, and links to its views, report and picture.

Everything stands in the page itself: no script, style or font comes from elsewhere. Names are escaped.
"""

import json
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from convsweep.tracking.descriptions import ShownSweep, run_address
from convsweep.tracking.views import ViewName

BASE = "/convsweep"
POLICY = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

# What a visitor's browser keeps: MLflow's plain pages show runs from then on, and its assistant stays closed.
# Undocumented: these are 3.17's keys, and a test opens a page in a browser that has never seen it.
CHOICES = """
localStorage.setItem("mlflow.workflowType_v1", '"machine_learning"');
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
"""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #59636e; --line: #d1d9e0; --paper: #fff; --back: #f6f8fa;
        --link: #0550ae; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --dim: #9198a1; --line: #3d444d; --paper: #151b23; --back: #0d1117; --link: #6cb6ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 3rem; background: var(--back); color: var(--ink);
       font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.3rem; margin: 0 0 .2rem; }
h2 { font-size: 1rem; margin: 0; }
a { color: var(--link); }
.dim { color: var(--dim); font-size: .9rem; margin: 0 0 1rem; }
article { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.2rem;
          margin: 1rem 0; overflow-wrap: anywhere; }
article .dim { margin: 0; }
.answer { font-size: 1.1rem; margin: .5rem 0; }
nav a { display: inline-block; margin: 0 1.1rem .2rem 0; }
img { display: block; max-width: 100%; height: auto; margin-top: .8rem; border-radius: 4px; }
"""


class ListedSweep(NamedTuple):
    """A sweep as the page shows it."""

    shown: ShownSweep
    view_names: Sequence[ViewName]
    files: Sequence[str]  # on its page, by name


def index(experiment: str, experiment_id: str, sweeps: Sequence[ListedSweep], study: str | None) -> str:
    """Return the page.

    Args:
        experiment: The experiment's name.
        experiment_id: MLflow's id of it.
        sweeps: Newest first.
        study: What the last study is called; None: there is none.
    """
    number = f"{len(sweeps)} sweep{'' if len(sweeps) == 1 else 's'}"
    link = f'<a href="/#/experiments/{experiment_id}/runs?workflowType=machine_learning">{escape(experiment)}</a>'
    body = ["<h1>convsweep</h1>", f'<p class="dim">{number} in the experiment {link}, newest first</p>']
    if study is not None:
        body.append(
            f"<article><h2>{escape(study)}</h2><p class='dim'>which programs reported numbers can't rule out</p>"
            f'<nav><a href="{BASE}/reproduction">Reproduction</a></nav></article>'
        )
    if not sweeps:
        body.append('<article><p class="answer">There is no sweep yet: <code>convsweep train -m ...</code> runs one.')
        body.append(f'<nav><a href="{BASE}/leaderboard">Leaderboard of all runs</a></nav></article>')
    body += [_sweep(experiment_id, sweep, with_picture=place == 0) for place, sweep in enumerate(sweeps)]
    return _page("convsweep", "\n".join(body), CHOICES)


def opener(address: str) -> str:
    """Return a page that makes the choices and goes on to an address of MLflow's pages, relative to the server's."""
    there = json.dumps(f"/{address}").replace("<", "\\u003c")
    body = f'<p><a href="{escape(f"/{address}")}">Go on to MLflow</a></p>'
    return _page("convsweep", body, f"{CHOICES}location.replace({there});")


def problem(text: str) -> str:
    """Return a page that says what is wrong."""
    return _page("convsweep", f'<h1>convsweep</h1><p>{escape(text)}</p><p><a href="{BASE}">All sweeps</a></p>', "")


def _sweep(experiment_id: str, sweep: ListedSweep, *, with_picture: bool) -> str:
    shown = sweep.shown
    address = f"{BASE}/sweeps/{shown.id}"
    links = [(f"{address}/files/{name}", _label(name)) for name in sweep.files]
    links += [(f"{address}/{name}", name.capitalize()) for name in sweep.view_names]
    links.append((f"/{run_address(experiment_id, shown.run_id)}", "Its page in MLflow"))
    picture = next((name for name in sweep.files if name.endswith(".png")), None)
    image = f'<img src="{address}/files/{picture}" alt="Accuracy on valid against each value that varies">'
    return f"""<article>
<h2>{escape(shown.title)}</h2>
<p class="dim">{shown.when} · {escape(shown.counts)}</p>
<p class="answer">{escape(shown.answer)}</p>
<nav>{"".join(f'<a href="{escape(href)}">{escape(text)}</a>' for href, text in links)}</nav>
{image if picture and with_picture else ""}
</article>"""


def _label(file: str) -> str:
    return "Report" if file.endswith(".html") else "Picture"


def _page(title: str, body: str, script: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
<script>{script}</script>
</head>
<body>
{body}
</body>
</html>
"""
