"""Which studies there are: the folders ``experiments/NN_name`` that hold a ``study.py``."""

import difflib
import importlib
from pathlib import Path

from convsweep.errors import UserError
from experiments.harness.study import Study

EXPERIMENTS = Path(__file__).parents[1]


def study_names() -> list[str]:
    """Return the names of all studies, which are those of their folders, in order."""
    return sorted(path.parent.name for path in EXPERIMENTS.glob("[0-9][0-9]_*/study.py"))


def find(name: str) -> Study:
    """Import the study of that name and return it.

    Raises:
        UserError: There is none.
    """
    names = study_names()
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise UserError(f"'NAME' must be one of {', '.join(names)} (got '{name}').{hint}")
    # no import statement can name a module whose name begins with a digit
    study: Study = importlib.import_module(f"experiments.{name}.study").STUDY
    return study
