"""``convsweep reproduce``: which program do the tutorial's reported numbers come from?"""

from pathlib import Path

import click

from convsweep.commands.options import complete_overrides, experiment_option, mlruns_option
from convsweep.errors import UserError


@click.command()
@mlruns_option
@experiment_option
@click.argument("overrides", nargs=-1, shell_complete=complete_overrides)
@click.option("--seeds", type=int, help="Seeds 0 to N - 1; 20 if left out.", metavar="N")
@click.option("--strict", is_flag=True, help="39 seeds: their range alone then holds one more run with 95%.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for tables and pictures.")
@click.option("--expect", multiple=True, metavar="RULE=VERDICT", help="Fail unless this is the test loss's verdict.")
def reproduce(
    *,
    mlruns: Path,
    experiment: str,
    overrides: tuple[str, ...],
    seeds: int | None,
    strict: bool,
    output: Path | None,
    expect: tuple[str, ...],
) -> None:
    """Say which program the tutorial's reported numbers come from, with statistics.

    Trains its network under three gradient rules, 20 seeds each, on its own images (data=mnist; a minute on two
    cores). OVERRIDES choose others: data=mnist_5k, data.dir=FOLDER, data.num_train=1000 ...
    """
    if strict and seeds is not None:
        raise UserError(f"'--strict' means 39 seeds: leave '--seeds' out (got {seeds}).")
    from convsweep.commands.reproduction import reproduce as run

    num_seeds = 39 if strict else 20 if seeds is None else seeds
    run(mlruns, experiment, overrides, num_seeds=num_seeds, output=output, expected=expect)
