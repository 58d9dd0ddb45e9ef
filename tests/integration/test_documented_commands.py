"""What the pages tell a reader to type exists: targets, commands, options, keys. Nothing of it is run here."""

import re
import shlex
from pathlib import Path
from typing import get_args

import click
import pytest
from hydra.types import RunMode
from omegaconf import OmegaConf

from benchmarks.table import Part
from convsweep.commands.main import commands
from convsweep.errors import UserError
from convsweep.hydra_app.compose import compose_run, config_loader
from convsweep.hydra_app.planning import plan_command
from experiments.harness.discovery import study_names

ROOT = Path(__file__).parents[2]
PATTERNS = ("*.md", "docs/*.md", "benchmarks/*.md", "experiments/**/README.md", "conf/**/*.yaml")
PAGES = [page for pattern in PATTERNS for page in ROOT.glob(pattern) if page.name != "CHANGELOG.md"]

PRINTED = r"(?s)```text\n.*?```"
IN_A_SENTENCE = r"`((?:convsweep|make) [^`]+)`"
ON_A_LINE = r"(?m)(?:^\$ |^#? {3,4}|^ .*: +)((?:convsweep|make) .*?)(?=  |$)"  # two spaces: an explanation follows
REFUSED = r"(?m)^\$ convsweep train (.*)\nconvsweep: (.*)\n"  # with the line that it prints
KEY = r"(?<![+\w.])(?:train|model|data|tracking|hydra\.launcher)\.[a-z_.]*[a-z_]"


def text_of(page):
    """Return a page without what programs print; a command that goes on on the next line is one line."""
    return re.sub(r" \\\n\s+", " ", re.sub(PRINTED, "", page.read_text()))


def typed(program):
    """Return the words that follow a program's name, wherever the pages tell a reader to type it."""
    found = set()
    for page in PAGES:
        text = re.sub(REFUSED, "", text_of(page))
        for command in re.findall(IN_A_SENTENCE, text) + re.findall(ON_A_LINE, text):
            first, *words = shlex.split(command.partition("...")[0], comments=True)
            if first == program and words and not words[0].startswith("-"):
                found.add(tuple(words))
    return sorted(found)


@pytest.mark.parametrize("words", typed("make"), ids=" ".join)
def test_a_documented_target_exists_with_its_variables(words):
    target, *settings = words
    recipe = re.search(rf"(?m)^{target}:.*\n(?:\t.*\n)+", (ROOT / "Makefile").read_text())
    assert recipe is not None
    values = dict(setting.split("=", maxsplit=1) for setting in settings)
    assert all(f"$({name})" in recipe[0] or f"$({name})," in recipe[0] for name in values)
    assert values.get("ONLY", "sweep") in get_args(Part)
    assert values.get("NAME", study_names()[0]) in study_names()


@pytest.mark.parametrize("words", typed("convsweep"), ids=" ".join)
def test_a_documented_command_is_understood(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, *arguments = words
    if name not in ("train", "plan"):
        command = commands.commands[name]
        parsed, _, _ = command.make_parser(click.Context(command)).parse_args(
            [*arguments, "data=mnist"]
        )  # which has all keys
        compose_run(sorted(set(parsed.get("overrides", ()))))
    elif not any(word.startswith("--") for word in arguments):  # those are Hydra's
        plan_command(arguments)


@pytest.mark.parametrize(("command", "message"), re.findall(REFUSED, (ROOT / "README.md").read_text()))
def test_a_documented_mistake_is_told_in_the_documented_words(command, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as refusal:
        plan_command(shlex.split(command))
    assert str(refusal.value) == message


def test_documented_keys_are_keys_of_the_configuration():
    config = config_loader().load_configuration("config", ["data=mnist"], RunMode.MULTIRUN)
    pages = [page for page in PAGES if page.name != "ARCHITECTURE.md"]  # there, dotted names are modules
    quoted = (code for page in pages for code in re.findall(r"`[^`\n]+`", text_of(page)))
    keys = {key for code in quoted for key in re.findall(KEY, code)}
    assert [key for key in sorted(keys) if OmegaConf.select(config, key, default="no key") == "no key"] == []
