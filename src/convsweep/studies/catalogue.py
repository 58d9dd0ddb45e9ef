"""All studies, by name."""

import difflib

from convsweep.errors import UserError
from convsweep.studies import all_of_mnist, choices, filters_and_rates, init_scale, pytorch, sobel, tutorial
from convsweep.studies.study import Study

STUDIES = (
    sobel.STUDY,
    tutorial.STUDY,
    choices.STUDY,
    init_scale.STUDY,
    pytorch.STUDY,
    filters_and_rates.STUDY,
    all_of_mnist.STUDY,
)


def find(name: str) -> Study:
    """Return the study of that name.

    Raises:
        UserError: There is none.
    """
    by_name = {study.name: study for study in STUDIES}
    if name not in by_name:
        close = difflib.get_close_matches(name, by_name, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise UserError(f"'NAME' must be one of {', '.join(by_name)} (got '{name}').{hint}")
    return by_name[name]
