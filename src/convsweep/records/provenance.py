"""Where a sweep's code and libraries come from: git commit, uncommitted changes, versions, machine.

What is recorded gives back the code that ran: the commit, with the recorded difference applied by ``git apply``. The
difference is recorded whole and as it is; or not at all, and ``environment.json`` says why, and which files it changes.
"""

import functools
import hashlib
import json
import os
import platform
import re
import subprocess
from importlib.metadata import distributions
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from convsweep.credentials import variables_in
from convsweep.errors import UserError
from convsweep.records.attempts import Code
from convsweep.records.files import DamagedError, read_file, write_whole
from convsweep.records.machine import blas_name, cpu_name

DIFF, ENVIRONMENT = "uncommitted.diff", "environment.json"
NOT_WRITTEN = "uncommitted_changes"  # the key in ENVIRONMENT under which a difference without a file is told
LARGEST_DIFF = 10_000_000  # bytes

# whatever somebody's git is configured to: bytes as `git apply` takes them
DIFF_OPTIONS = (
    "--binary",
    "--dst-prefix=b/",
    "--no-color",
    "--no-ext-diff",
    "--no-renames",  # `changed_files` reads one name a file
    "--no-textconv",
    "--src-prefix=a/",
    "--submodule=short",
    "--unified=3",
)


class Provenance(NamedTuple):
    """The state of the code and of the machine, as far as it can be told."""

    git_commit: str | None  # None: not run from a git checkout
    git_diff: bytes | None  # against that commit, files that git doesn't track yet included; empty: nothing differs
    environment: dict[str, object]

    @property
    def code(self) -> Code:
        """The same in short."""
        diff = self.git_diff
        return Code(self.git_commit, hashlib.sha256(diff).hexdigest() if diff else None if diff is None else "")


@functools.cache
def provenance() -> Provenance:
    """Find out, once a process: the code that runs is the code that was imported."""
    source = Path(__file__).parents[1]
    commit = diff = None
    # fails where this file isn't tracked: installed, or inside somebody else's checkout
    if _git(source, "ls-files", "--error-unmatch", __file__) is not None:
        root = Path((_git(source, "rev-parse", "--show-toplevel") or b"").decode().removesuffix("\n"))
        commit, diff = _commit(root), _diff(root, source)
    return Provenance(commit, diff, _environment())


def write_provenance(directory: Path, found: Provenance, *, later: bool = False) -> None:
    """Write what was found into a sweep's directory.

    Args:
        directory: The sweep's.
        found: What was found.
        later: For a later launch of it: what differs from the first is written beside it, its digest in its name.
    """
    environment, diff = found.environment, found.git_diff or b""
    reason = _why_not_to_write(diff)
    if reason:
        environment = environment | {NOT_WRITTEN: {"files": changed_files(diff), "not_written": reason}}
    contents = {ENVIRONMENT: (json.dumps(environment, indent=2) + "\n").encode()}
    if diff and not reason:
        contents[DIFF] = diff
    for name, content in contents.items():
        path = directory / name
        if later and read_file(path) == content:
            continue
        if later:
            digest = found.code.diff if name == DIFF else hashlib.sha256(content).hexdigest()
            path = path.with_stem(f"{path.stem}-{str(digest)[:7]}")
        write_whole(path, content)


def provenance_files(directory: Path) -> list[Path]:
    """Return the files that describe code and environment of a sweep's launches."""
    return [path for pattern in ("environment*.json", "uncommitted*.diff") for path in sorted(directory.glob(pattern))]


class Changes(NamedTuple):
    """What differed from the commit when a sweep was launched."""

    files: tuple[str, ...]
    diff: bytes  # empty if nothing differed, or it was not written
    not_written: str  # why it wasn't; empty if it was

    @property
    def are_there(self) -> bool:
        """Whether anything differed."""
        return bool(self.files or self.diff)


def read_changes(directory: Path) -> Changes:
    """Return what a sweep's directory holds of them; what can't be read counts as not there."""
    try:
        diff = read_file(directory / DIFF) or b""
        if diff:
            return Changes(tuple(changed_files(diff)), diff, "")
        told = json.loads(read_file(directory / ENVIRONMENT) or b"{}")[NOT_WRITTEN]
        return Changes(tuple(told["files"]), b"", told["not_written"])
    except (DamagedError, UserError, ValueError, LookupError, TypeError):
        return Changes((), b"", "")


def _why_not_to_write(diff: bytes) -> str:
    """Say why a difference is not to be written: its size, or a password or token in it; empty if it can be."""
    if len(diff) > LARGEST_DIFF:
        return f"it has {len(diff):,} bytes, more than {LARGEST_DIFF:,}"
    parts = _by_file(diff) or {"it": diff.decode(errors="replace")}
    found = {name: variables_in(text) for name, text in parts.items()}
    return "; ".join(f"{name} holds the value of {', '.join(held)}" for name, held in found.items() if held)


def difference_of_commits(first: str, second: str) -> str | None:
    """Return in short what changed between two commits of this code; None if git doesn't have both.

    Returns:
        As git says it: ``3 files changed, 12 insertions(+), 3 deletions(-)``; empty if nothing did.
    """
    found = _git(Path(__file__).parents[1], "diff", "--shortstat", "--end-of-options", first, second)
    return None if found is None else found.decode(errors="replace").strip()


def changed_files(diff: bytes) -> list[str]:
    """Return the paths that a difference changes."""
    return list(_by_file(diff))


def _by_file(diff: bytes) -> dict[str, str]:
    """Return a difference in parts, by the paths that they change."""
    text = diff.decode(errors="replace")
    # git puts a name with special characters in quotes, one with spaces not
    heads = list(re.finditer(r'^diff --git (?:a/(.+) b/\1|"a/(.+)" "b/\2")$', text, re.MULTILINE))
    bounds = pairwise([*(head.start() for head in heads), len(text)])
    return {head[1] or head[2]: text[start:end] for head, (start, end) in zip(heads, bounds, strict=True)}


def _commit(root: Path) -> str | None:
    found = _git(root, "rev-parse", "--verify", "--quiet", "HEAD")  # fails in a repository without commits
    return found.decode().strip() if found else None


def _diff(root: Path, source: Path) -> bytes | None:
    tracked = _git(root, "diff", *DIFF_OPTIONS, "HEAD")
    if tracked is None:
        return None
    # files that git doesn't know yet, of the package: the program may import them
    new = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", str(source)) or b""
    for name in sorted(filter(None, new.split(b"\0"))):
        nothing = os.devnull.encode()
        # subtle: git ends with 1 where two files differ
        tracked += _git(root, "diff", *DIFF_OPTIONS, "--no-index", "--", nothing, name, differs=True) or b""
    return tracked


def _git(source: Path, *arguments: str | bytes, differs: bool = False) -> bytes | None:
    try:
        done = subprocess.run(["git", "-C", source, *arguments], capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 or (differs and done.returncode == 1) else None


def _environment() -> dict[str, object]:
    metadata = [found.metadata for found in distributions()]  # each read once
    packages = sorted({(package["Name"], package["Version"]) for package in metadata}, key=lambda p: p[0].lower())
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": cpu_name(),
        "blas": blas_name(),
        "packages": dict(packages),
    }
