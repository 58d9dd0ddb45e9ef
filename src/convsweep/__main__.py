"""``python -m convsweep``: the same as the command ``convsweep``."""

from convsweep.commands.main import main

main()
