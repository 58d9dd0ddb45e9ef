"""``convsweep reproduce``: which programs can the tutorial's numbers, or those of a log, not rule out?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from convsweep.commands.options import complete_overrides, experiment_option, mlruns_option
from convsweep.errors import UserError

if TYPE_CHECKING:
    from convsweep.reproduce.places import Printing

PRINTINGS = ("after", "before", "before_run_on", "so_far")  # as in reproduce.places, which imports NumPy


@click.command()
@mlruns_option
@experiment_option
@click.argument("overrides", nargs=-1, shell_complete=complete_overrides)
@click.option("--seeds", type=int, help="Seeds 0 to N - 1; 20 if left out.", metavar="N")
@click.option("--strict", is_flag=True, help="39 seeds: their range alone then holds one more run with 95%.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for tables and pictures.")
@click.option("--expect", multiple=True, metavar="NAME=VERDICT", help="Fail unless this is the rule's or program's.")
@click.option("--log", type=click.Path(path_type=Path), help="What another program printed while it trained, or a CSV.")
@click.option("--also", multiple=True, metavar="KEY=A,B", help="With --log: other hyperparameters as programs, too.")
@click.option("--printing", type=click.Choice(PRINTINGS), help="With --log: when windows are printed, if it is known.")
@click.option("--all-programs", is_flag=True, help="Without --log: judge more programs than the three rules (minutes).")
@click.option("--yes", is_flag=True, help="With --log: train for longer than a minute.")
def reproduce(
    *,
    mlruns: Path,
    experiment: str,
    overrides: tuple[str, ...],
    seeds: int | None,
    strict: bool,
    output: Path | None,
    expect: tuple[str, ...],
    log: Path | None,
    also: tuple[str, ...],
    printing: "Printing | None",
    all_programs: bool,
    yes: bool,
) -> None:
    """Say which of the listed programs the tutorial's numbers, or those of a log, can't rule out, if any.

    Trains its network under three gradient rules, 20 seeds each, on its own images (data=mnist; a minute on two
    cores); with --all-programs also with all other mistakes that a log's program is looked for among. OVERRIDES choose
    other images: data=mnist_5k, data.dir=FOLDER, data.num_train=1000 ...

    With --log, trains the network that OVERRIDES describe (train.shuffle=true, model.num_filters=4 ...), and the same
    with the mistakes that people make; epochs and images an epoch are the log's unless OVERRIDES say otherwise.
    """
    if strict and seeds is not None:
        raise UserError(f"'--strict' means 39 seeds: leave '--seeds' out (got {seeds}).")
    num_seeds = 39 if strict else 20 if seeds is None else seeds
    if log is not None:
        if all_programs:
            raise UserError("'--all-programs' goes without '--log': a log is judged by all of them anyway.")
        from convsweep.commands.which_program import Asked, which_program

        which_program(mlruns, experiment, Asked(log, overrides, also, num_seeds, printing, output, expect, yes))
        return
    for name, given in (("--also", also), ("--printing", printing), ("--yes", yes)):
        if given:
            raise UserError(f"'{name}' goes with '--log FILE'.")
    from convsweep.commands.reproduction import reproduce as run

    run(
        mlruns,
        experiment,
        overrides,
        num_seeds=num_seeds,
        all_programs=all_programs,
        output=output,
        expected=expect,
    )
