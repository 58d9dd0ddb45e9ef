r"""One line of what a training program printed: the epoch, the step, losses and accuracies that stand on it.

People print these in many ways; each of the patterns below names what it is meant for. What isn't understood for sure
is not taken: a loss of another kind (``reg_loss``), the best one so far, a number with an unknown unit.

Left out: what a line means among its neighbours (the epoch that a heading announced, say). That is ``logs``.
"""

import re
from typing import Literal, NamedTuple

LogSplit = Literal["train", "valid", "test"]
Metric = Literal["loss", "accuracy"]


LONGEST = 5000  # characters of a line that are read


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
    is_bar: bool  # whether step and total are a progress bar's
    window: int | None  # as in ``Past 100 steps``
    section: LogSplit | None  # what the line announces if it has no number: ``--- Testing ---``
    before_training: bool  # whether its numbers are an untrained network's
    ends_epoch: bool  # ``Finished epoch 3``
    found: tuple[Found, ...]
    left_out: tuple[str, ...]  # numbers that are no place's loss or accuracy: ``best loss``


_COUNT = r"(\d{1,3}(?:[,_]\d{3})+(?!\d)|\d{1,15}(?![\d_]))"
_NO_UNIT = r"(?!\s*%|\.\d|[a-z])"  # not as in 30%, 0.5, 3s
_OF_TOTAL = rf"{_COUNT}(?:\s*(?:/|\bof\b)\s*{_COUNT})?{_NO_UNIT}"
_EPOCH = re.compile(
    rf"\bep(?:och)?(?![a-z])\W{{0,4}}?{_OF_TOTAL}|\b(\d{{1,6}})(?:\.|st|nd|rd|th)\s+epoch\b", re.IGNORECASE
)
_PAIR = re.compile(rf"^\W{{0,3}}\[\s*{_COUNT},\s+{_COUNT}\]")  # [3,  2000] loss: 1.2
_STEP = re.compile(
    r"\b(?:(?:global[ _]?)?step|iter|it|iteration|image|sample|batch(?:[ _](?:idx|index))?)(?![a-z])"
    rf"\W{{0,4}}?{_OF_TOTAL}"
    rf"|(?:\bafter\s+|^\W{{0,3}}){_COUNT}\s+(?:step|iteration|image|sample)s\b",  # After 500 steps: ...
    re.IGNORECASE,
)
_BAR = re.compile(rf"(?<![\w./]){_COUNT}/{_COUNT}\s*(?=\[|\u2501|\u2500|-\s)")  # 5000/5000 [====] as Keras and tqdm do
_BAR_OF_EPOCHS = re.compile(r"\bepochs?\b\W{0,4}\d+%\|", re.IGNORECASE)
_PAIRS = re.compile(rf"\[\s*{_COUNT}/{_COUNT}\]\s*\[\s*{_COUNT}/{_COUNT}\]")  # [3/10][100/1000]
_OF_EPOCH = re.compile(  # Train Epoch: 1 [100/5000 (2%)], Epoch 1 (100/5000)
    rf"\[\s*{_COUNT}/{_COUNT}\b|\bepoch\W{{0,4}}\d+\s*\(\s*{_COUNT}/{_COUNT}\b", re.IGNORECASE
)
_WINDOW = re.compile(rf"\b(?:past|last|previous|window)\b\W{{0,2}}{_COUNT}", re.IGNORECASE)  # Past 100 steps
_BEFORE_TRAINING = re.compile(r"\b(?:before (?:any )?training|untrained|initial)\b", re.IGNORECASE)
_ENDS = re.compile(r"\b(?:finished|done|completed?|ended|end of)\b", re.IGNORECASE)
_SPLIT = re.compile(
    r"(?<![a-z])(?:(?P<train>train(?:ing|ed)?)|(?P<valid>val(?:id(?:ation)?)?|dev|eval(?:uation)?)"
    r"|(?P<test>test(?:ing|ed|s)?|unseen|held[ _-]?out|hold[ _-]?out))(?![a-z])",
    re.IGNORECASE,
)
_NO_SPLIT = re.compile(  # says when, not on what
    r"\b(?:after|before|finished|done|end of|start(?:ed|ing)?) (?:any )?training\b"
    r"|\btraining (?:is |has )?(?:done|complete[d]?|finished|over|ended)\b|\btrained (?:for|with|in)\b",
    re.IGNORECASE,
)
_PLAIN_WORDS = (  # between a name and its number: Accuracy of the network on the 10000 test images: 97.2 %
    r"of|on|over|for|in|the|this|our|network|model|cnn|all|whole|full|entire|last|past|previous|sets?|split|data|dataset"
    r"|images?|samples?|examples?|digits?|steps?|iterations?|after|train(?:ing|ed)?|test(?:ing)?|val(?:id(?:ation)?)?"
    r"|unseen|held-?out|epochs?|mnist|per|is|was|\d[\d,]*(?=\s+[a-z])"
)
_NUMBER = (
    r"[-+]?1\.\#(?:QNAN|SNAN|IND|INF)|[-+]?\d{1,3}(?:,\d{3})+\.\d+|[-+]?\d+,\d+(?![.\d]|,\d)"
    r"|[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|[-+]?\b(?:nan|inf(?:inity)?)\b"
)
_UNITLESS = r"(?!\.?[\w\#])(?!\s*/\s*\d)(?!\s*(?:\u00b1|\+/?-))(?!\s*(?:images?|samples?|steps?|iterations?|epochs?)\b)"
_NAMES, _DIGITS = re.compile("loss|acc|top|correct", re.IGNORECASE), re.compile(r"\d|nan|inf", re.IGNORECASE)
_METRIC = re.compile(
    r"(?:(?<![a-z\d])|(?<=_))(?P<name>loss|acc(?:uracy)?(?:@1)?|top-?1|correct)\.?"
    r"(?:[ _/.]{0,2}[(\[]?(?P<suffix>train(?:ing)?|val(?:id(?:ation)?)?|test|_epoch|epoch)(?![a-z])[)\]]?)?"
    r"(?![a-z])(?P<unit>\s*[(\[](?:in )?(?:%|percent|nats)[)\]])?"
    rf"(?P<between>(?:\s+(?:{_PLAIN_WORDS})\b)*)"
    r"[)\]]?[\"']?\s*(?:[:=]|[-=]?>|->|[-\u2013\u2014](?=\s)|\bis\b|\bwas\b|\bof\b)?\s*[\"']?"
    r"(?:(?:np\.)?float\d*\(|(?:torch\.)?tensor\(|(?:np\.)?array\(|[(\[])*"
    rf"(?<![\d.,])(?P<number>\d+\s*/\s*\d+|\d+ out of \d+|(?:{_NUMBER})){_UNITLESS}(?P<percent>\s*(?:%|percent\b))?",
    re.IGNORECASE,
)
_BEFORE_NAME = re.compile(  # 81.0% accuracy | 0.51 loss; 373/400 correct
    rf"(?P<number>\d+\s*/\s*\d+|\d+ out of \d+|{_NUMBER})(?P<percent>\s*(?:%|percent\b))?\s+"
    r"(?P<split>(?:train(?:ing)?|val(?:idation)?|test)\s+)?(?P<name>loss|acc(?:uracy)?|correct)\b(?!\s*[:=(])",
    re.IGNORECASE,
)
_OF_OTHERS = re.compile(
    r"\b(?:best|lowest|highest|min(?:imum|imal)?|max(?:imum|imal)?|target|previous|prev|old|improved)\b[^|,;:\d]*$"
    r"|\b(?:loss|acc(?:uracy)?)\s*(?:and|[,/&+])\s*$",  # loss and accuracy: 0.5, 0.9
    re.IGNORECASE,
)
_GLUED = re.compile(r"[\w/.]*[_/.]$")  # train_avg_ before loss
_PLAIN_PREFIXES = {"", "avg", "average", "mean", "running", "epoch", "total", "ce", "nll", "xent", "set", "final"}
_CAMEL = re.compile(r"(?<=[a-z])(?=(?:Loss|Acc(?:uracy)?)(?![a-z]))")  # trainLoss


def read_line(text: str) -> Line:
    """Return what a line says.

    >>> read_line("[Step 100] Past 100 steps: Average Loss 2.254 | Accuracy: 18%").found
    (Found(metric='loss', split=None, text='2.254'), Found(metric='accuracy', split=None, text='18%'))
    >>> read_line("Epoch 3/10: loss 0.41 (best loss: 0.40)").left_out
    ('best loss: 0.40',)
    """
    text = _CAMEL.sub("_", " ".join(text[:LONGEST].split()))
    epoch, num_epochs = _pair(_EPOCH.search(text))
    step, num_steps = _pair(_STEP.search(text))
    bar = None
    if pairs := _PAIRS.search(text):
        epoch, num_epochs, step, num_steps = map(_count, pairs.groups())
    elif step is None:
        of_epoch = _OF_EPOCH.search(text)
        bar = None if of_epoch else _BAR.search(text)
        step, num_steps = _pair(of_epoch or bar)
    if epoch is None and bar is not None and _BAR_OF_EPOCHS.search(text):
        epoch, num_epochs, step, num_steps, bar = step, num_steps, None, None, None
    if epoch is None and (pair := _PAIR.search(text)):
        epoch, step = _pair(pair)
    window = _WINDOW.search(text)
    found, left_out = _numbers(text)
    return Line(
        epoch,
        num_epochs,
        step,
        num_steps,
        bar is not None,
        None if window is None else _count(window[1]),
        None if found else _section(text),
        _BEFORE_TRAINING.search(text) is not None,
        _ENDS.search(text) is not None,
        found,
        left_out,
    )


def _numbers(text: str) -> tuple[tuple[Found, ...], tuple[str, ...]]:
    """Return the line's losses and accuracies, and what looks like one and is none.

    A word for the split counts for all that follows it, unless the line has that number already: in
    ``val_loss: 0.3 - loss: 0.2`` the second one is of training.
    """
    if not (_NAMES.search(text) and _DIGITS.search(text)):
        return (), ()
    matches = list(_METRIC.finditer(text)) or list(_BEFORE_NAME.finditer(text))
    start, inherited = 0, None
    found: list[Found] = []
    left_out: list[str] = []
    for match in matches:
        before = text[start : match.start()]
        start = match.end()
        glued = _GLUED.search(before)
        unknown = glued is not None and any(not _is_plain(word) for word in re.split(r"[_/.]+", glued[0].lower()))
        number, name = match["number"], match["name"].lower()
        percent = match["percent"] or ("unit" in match.groupdict() and "%" in (match["unit"] or ""))
        metric: Metric = "loss" if name == "loss" else "accuracy"
        fraction = re.fullmatch(r"(\d+)\s*(?:/|out of)\s*(\d+)", number)
        if (
            unknown
            or _OF_OTHERS.search(before)
            or (metric == "loss" and (percent or fraction))
            or (name == "correct" and not (percent or fraction))
            or (match.re is _BEFORE_NAME and not (percent or fraction or "." in number))  # Epoch 1 loss
        ):
            words = re.search(r"[\w/. ]*$", before)
            left_out.append(f"{words[0] if words else ''}{match[0]}".strip())
            continue
        groups = match.groupdict()
        said = (
            _last_split(groups.get("suffix") or groups.get("split") or "")
            or _last_split(before)
            or _last_split(groups.get("between") or "")
        )
        inherited = said or inherited
        has_it = any((one.metric, one.split) == (metric, inherited) for one in found)
        shown = f"{fraction[1]}/{fraction[2]}" if fraction else f"{number}%" if percent else number
        found.append(Found(metric, said or (None if has_it else inherited), shown))
    return tuple(found), tuple(left_out)


def _is_plain(word: str) -> bool:
    return word in _PLAIN_PREFIXES or _SPLIT.fullmatch(word) is not None


def _section(text: str) -> LogSplit | None:
    """Return the split that a heading announces: it has no digit and names one split only."""
    words = _NO_SPLIT.sub(" ", text.replace("_", " "))
    splits = {_named(match) for match in _SPLIT.finditer(words)}
    return splits.pop() if len(splits) == 1 and not re.search(r"\d", words) else None


def _last_split(text: str) -> LogSplit | None:
    last: LogSplit | None = None
    for match in _SPLIT.finditer(_NO_SPLIT.sub(" ", text.replace("_", " "))):
        last = _named(match)
    return last


def _named(match: re.Match[str]) -> LogSplit:
    return "train" if match["train"] else "valid" if match["valid"] else "test"


def _pair(match: re.Match[str] | None) -> tuple[int | None, int | None]:
    """Return the first number of a match, and the second."""
    if match is None:
        return None, None
    first, *others = (group for group in match.groups() if group is not None)
    return _count(first), _count(others[0]) if others else None


def _count(text: str) -> int:
    return int(text.replace(",", "").replace("_", ""))
