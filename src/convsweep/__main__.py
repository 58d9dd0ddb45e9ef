"""``python -m convsweep``: the same as the command ``convsweep``."""

from convsweep.commands.main import main

if __name__ == "__main__":  # loky's workers import it by another name
    main()
