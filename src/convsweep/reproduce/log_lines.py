r"""One line of what a training program printed: the epoch, the step, losses and accuracies that stand on it.

People print these in many ways; each of the patterns below names what it is meant for. A number is kept with its
rounding: a printed 0.95 stands for anything in [0.945, 0.955].

Left out: what a line means among its neighbours (the epoch that a header announced, say). That is ``logs``.
"""

import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal, NamedTuple

LogSplit = Literal["train", "valid", "test"]
Metric = Literal["loss", "accuracy"]


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


class Found(NamedTuple):
    """A loss or an accuracy on a line."""

    metric: Metric
    split: LogSplit | None  # None: the line doesn't say
    text: str  # the number as it stands there, such as ``0.948``, ``18%`` or ``373/400``


class Line(NamedTuple):
    """What a line says."""

    epoch: int | None
    num_epochs: int | None  # as in ``Epoch 3/10``
    step: int | None
    num_steps: int | None  # as in ``1000/5000``
    is_bar: bool  # whether they are a progress bar's
    window: int | None  # as in ``Past 100 steps``
    section: LogSplit | None  # what the line's words announce: ``--- Testing ---``
    found: tuple[Found, ...]


_INVISIBLE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x07\x0b-\x0c\x0e-\x1a\x1c-\x1f\x7f]")
_OVERWRITTEN = re.compile(r"[\r\x08]+")  # a progress bar goes back to the line's beginning
_COUNT = r"(\d{1,3}(?:,\d{3})+(?!\d)|\d+)"
_OF_TOTAL = rf"{_COUNT}(?:\s*(?:/|\bof\b)\s*{_COUNT})?"
_EPOCH = re.compile(rf"\bepoch\b\W{{0,4}}?{_OF_TOTAL}", re.IGNORECASE)  # Epoch 3/10, [Epoch 3], epoch: 3
_PAIR = re.compile(rf"^\W{{0,3}}\[\s*{_COUNT},\s+{_COUNT}\]")  # [3,  2000] loss: 1.2
_STEP = re.compile(rf"\b(?:step|iter|iteration|image|sample|batch)\b\W{{0,4}}?{_OF_TOTAL}(?![.\d])", re.IGNORECASE)
_BAR = re.compile(rf"(?<![\w./]){_COUNT}/{_COUNT}\s*(?=\[|\u2501|\u2500|-\s)")  # 5000/5000 [====] as Keras and tqdm do
_OF_EPOCH = re.compile(rf"\[\s*{_COUNT}/{_COUNT}\b")  # Train Epoch: 1 [100/5000 (2%)]
_WINDOW = re.compile(rf"\b(?:past|last|previous)\s+{_COUNT}\s+\w+", re.IGNORECASE)  # Past 100 steps
_SPLIT = re.compile(
    r"(?<![a-z])(?:(?P<train>train(?:ing|ed)?)|(?P<valid>val(?:id(?:ation)?)?|dev)|(?P<test>test(?:ing|ed|s)?))(?![a-z])",
    re.IGNORECASE,
)
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|[-+]?\b(?:nan|inf(?:inity)?)\b"
_METRIC = re.compile(
    r"(?:(?<![a-z])|(?<=_))(?P<name>loss|acc(?:uracy)?)(?![a-z])"
    rf"[)\]]?\s*(?:[:=]|\bis\b|\bof\b)?\s*(?P<number>\d+\s*/\s*\d+|(?:{_NUMBER})\s*%?)",
    re.IGNORECASE,
)


def visible_lines(text: str) -> list[str]:
    r"""Return a text's lines as a terminal would show them in the end.

    >>> visible_lines("\x1b[32m10%\r100% loss: 0.5\x1b[0m\r\n")
    ['100% loss: 0.5']
    """
    lines = []
    for line in text.split("\n"):
        shown = [part for part in _OVERWRITTEN.split(_INVISIBLE.sub("", line)) if part.strip()]
        if shown:
            lines.append(shown[-1].strip())
    return lines


def read_line(text: str) -> Line:
    """Return what a line says.

    >>> read_line("[Step 100] Past 100 steps: Average Loss 2.254 | Accuracy: 18%").found
    (Found(metric='loss', split=None, text='2.254'), Found(metric='accuracy', split=None, text='18%'))
    """
    epoch, num_epochs = _pair(_EPOCH.search(text))
    step, num_steps = _pair(_STEP.search(text))
    bar = None
    if step is None:
        of_epoch = _OF_EPOCH.search(text)
        bar = None if of_epoch else _BAR.search(text)
        step, num_steps = _pair(of_epoch or bar)
    if epoch is None and (pair := _PAIR.search(text)):
        epoch, step = _pair(pair)
    window = _WINDOW.search(text)
    return Line(
        epoch,
        num_epochs,
        step,
        num_steps,
        bar is not None,
        None if window is None else _count(window[1]),
        _last_split(text),
        tuple(_found(text)),
    )


def to_printed(text: str, *, percent: bool = False) -> Printed:
    """Return a number and its rounding.

    Args:
        text: As ``Found`` has it.
        percent: Whether it is in percent though no sign says so.

    >>> printed = to_printed("18%")
    >>> printed.low, printed.high
    (0.175, 0.185)
    """
    if "/" in text:
        part, _, whole = text.partition("/")
        return Printed(int(part) / int(whole) if int(whole) else math.nan, 0.0)
    number = Decimal(text.rstrip("% \t"))
    if not number.is_finite():
        return Printed(float(number), 0.0)
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    scale = Decimal("0.01") if percent or text.endswith("%") else Decimal(1)
    return Printed(float(number * scale), float(Decimal(5).scaleb(exponent - 1) * scale))


def _found(text: str) -> Iterator[Found]:
    """Yield the line's losses and accuracies; a word for the split counts for all that follows it."""
    start = 0
    split: LogSplit | None = None
    for match in _METRIC.finditer(text):
        split = _last_split(text[start : match.start("name")].replace("_", " ")) or split
        start = match.end()
        yield Found("loss" if match["name"].lower() == "loss" else "accuracy", split, match["number"].strip())


def _last_split(text: str) -> LogSplit | None:
    last: LogSplit | None = None
    for match in _SPLIT.finditer(text.replace("_", " ")):
        last = "train" if match["train"] else "valid" if match["valid"] else "test"
    return last


def _pair(match: re.Match[str] | None) -> tuple[int | None, int | None]:
    if match is None:
        return None, None
    return _count(match[1]), None if match[2] is None else _count(match[2])


def _count(text: str) -> int:
    return int(text.replace(",", ""))
