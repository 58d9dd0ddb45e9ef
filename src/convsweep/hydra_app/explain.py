"""What Hydra and OmegaConf raise about a configuration, explained in one line: what, the rule and the value given."""

import re
import shlex
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from convsweep.config import ConfigError, hint, unknown_key
from convsweep.hydra_app.internals import apply_overrides


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what Hydra and OmegaConf raise about a configuration into a ``ConfigError``; let anything else pass."""
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise explain(error) from error
    except Exception as error:
        if _raised_in_composing(error):
            raise explain(error) from error
        if _raised_by_hydra(error):
            raise ConfigError([_one_line(error)]) from error
        raise


def _raised_in_composing(error: Exception) -> bool:
    """Tell whether Hydra was composing: odd overrides make it raise a ValueError, TypeError, KeyError and others."""
    composing = (ConfigLoader.load_configuration.__name__, apply_overrides.__name__)
    return any(frame.f_code.co_name in composing for frame, _ in traceback.walk_tb(error.__traceback__))


def _raised_by_hydra(error: Exception) -> bool:
    """Tell whether Hydra itself refuses something, as it does with a ValueError where flags make no sense."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return isinstance(error, ValueError) and frame.f_globals.get("__name__", "").startswith("hydra.")


def explain(error: Exception) -> ConfigError:
    """Say in one line what an error of Hydra's or OmegaConf's is about."""
    return _config_error_behind(error) or ConfigError([_explanation(error)])


def _config_error_behind(error: BaseException | None) -> ConfigError | None:
    """Find the ``ConfigError`` that a resolver raised: OmegaConf raises an error of its own about it."""
    while error is not None and not isinstance(error, ConfigError):
        error = error.__cause__ or error.__context__
    return error


def _explanation(error: BaseException) -> str:
    match error:
        case OverrideParseException():
            return _of_grammar(error)
        case MissingConfigException(options=[*options]):
            group, _, choice = (error.missing_cfg_file or "").rpartition("/")
            options.sort()
            return f"'{group}' must be one of {', '.join(options)} (got '{choice}').{hint(choice, options)}"
        case HydraException():
            return _of_hydra(error)
        case OmegaConfBaseException():
            return _of_omegaconf(error)
        case ValueError() if "Config group override" in str(error):
            return "A file of conf's folders is chosen by its name, as in data=mnist, not by a number or null."
        case _:
            return f"Hydra cannot compose a configuration of these overrides ({type(error).__name__}: {error})."


def _of_grammar(error: OverrideParseException) -> str:
    """Say that Hydra can't read an override, and how it can be written."""
    override, text = error.override, _one_line(error)
    if failed := re.search("while evaluating '.*?': (.*) See https://", text):
        return f"{override!r} cannot be evaluated: {failed[1]}."
    key, _, value = override.partition("=")
    value = str(Path(value).expanduser()) if value.startswith("~/") else value  # no shell does it after a `=`
    for readable in (f"{key}={value}", f"{key}={QuotedString(value, Quote.double).with_quotes()}"):
        if key and value and value[0] not in "[{" and _is_readable(readable):
            return f"{override!r} cannot be read; write {shlex.quote(readable)}."
    rule = "an override is key=value, +key=value or ~key, and special characters in a value need quotes"
    return f"{override!r} cannot be read; {rule}."


def _is_readable(override: str) -> bool:
    try:
        OverridesParser.create().parse_overrides([override])
    except HydraException:
        return False
    return True


def _of_hydra(error: HydraException) -> str:
    if isinstance(error.__cause__, OmegaConfBaseException):  # which knows more: Hydra only says of which override
        return _of_omegaconf(error.__cause__)
    text = _one_line(error)
    if several := re.match("Ambiguous value for argument '(.*?)' 1. |Sweep parameters '(.*)' requires", text):
        return f"'{several[1] or several[2]}' gives several values: that is a sweep, and needs -m."
    if unknown := re.match("Could not override '([^']+)'", text):
        return _unknown(unknown[1])
    return text


def _of_omegaconf(error: OmegaConfBaseException) -> str:
    text, _, _ = _one_line(error).partition(" full_key: ")
    if error.full_key is None:
        return text
    if isinstance(error, ConfigAttributeError | ConfigKeyError):
        return _unknown(error.full_key)
    if isinstance(error, MissingMandatoryValue):
        return f"'{error.full_key}' is missing."
    return f"'{error.full_key}': {text}."


def _unknown(key: str) -> str:
    return f"'{key}' is not a key of Hydra's configuration." if re.match("hydra[./]", key) else unknown_key(key)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
