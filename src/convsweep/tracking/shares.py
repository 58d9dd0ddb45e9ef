"""Which of a sweep's jobs a mirror sends, if several do it side by side. Imports nothing, as a launch uses it, too."""

from typing import NamedTuple


class Share(NamedTuple):
    """Every so-manieth job.

    >>> list("abcdefg"[Share(1, 3).jobs])
    ['b', 'e']
    """

    number: int  # from 0, which leads: it also sends what isn't any job's
    of: int

    @property
    def jobs(self) -> slice:
        """Which of a sequence of jobs these are."""
        return slice(self.number, None, self.of)

    @property
    def leads(self) -> bool:
        """Whether the sweep's parent is kept up to date by whoever has this share."""
        return self.number == 0


WHOLE = Share(0, 1)
