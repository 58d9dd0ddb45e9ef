"""Numbers as logs print them, with their rounding: a printed 0.95 stands for anything in [0.945, 0.955]."""

import math
from decimal import Decimal
from typing import NamedTuple

LARGEST_EXPONENT = 300  # of ten, in what a float holds


class Printed(NamedTuple):
    """A number as it was printed."""

    value: float  # NaN or infinite for a program that diverged
    half: float  # half a unit of the last printed digit; 0 for an exact fraction such as 373/400

    @property
    def low(self) -> float:
        """The smallest number that is printed like this."""
        return self.value - self.half

    @property
    def high(self) -> float:
        """The largest number that is printed like this."""
        return self.value + self.half


def to_printed(text: str, *, percent: bool = False) -> Printed:
    """Return a number and its rounding.

    Args:
        text: A decimal number, with a point or a comma, with or without a sign for percent; a fraction; or what stands
            for NaN and infinity in some language.
        percent: Whether it is in percent though no sign says so.

    >>> printed = to_printed("18%")
    >>> printed.low, printed.high
    (0.175, 0.185)
    >>> to_printed("0,25").value, to_printed("1.#QNAN").value
    (0.25, nan)
    """
    if "/" in text:
        part, _, whole = (word.strip() for word in text.partition("/"))
        return Printed(int(part) / int(whole) if int(whole) else math.nan, 0.0)
    if "#" in text:  # as Microsoft's C library writes them
        return Printed(math.inf if "inf" in text.lower() else math.nan, 0.0)
    digits = text.rstrip("% \t")
    digits = digits.replace(",", "") if "." in digits else digits.replace(",", ".")
    if not math.isfinite(float(digits)):
        return Printed(float(digits), 0.0)
    number = Decimal(digits)
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    if abs(exponent) > LARGEST_EXPONENT:
        return Printed(float(digits), 0.0)
    scale = Decimal("0.01") if percent or text.endswith("%") else Decimal(1)
    return Printed(float(number * scale), float(Decimal(5).scaleb(exponent - 1) * scale))
