"""Where a sweep's code and libraries come from: git commit, uncommitted changes, versions, machine.

What is recorded gives back the code that ran: the commit, with the recorded difference applied by ``git apply``.
"""

import functools
import hashlib
import json
import os
import platform
import re
import subprocess
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

from convsweep.credentials import without_credentials
from convsweep.records.attempts import Code
from convsweep.records.files import read_file, write_whole
from convsweep.records.machine import blas_name, cpu_name

DIFF, ENVIRONMENT = "uncommitted.diff", "environment.json"
LARGEST_DIFF = 10_000_000  # bytes that are kept of it

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
    contents = {ENVIRONMENT: (json.dumps(found.environment, indent=2) + "\n").encode()}
    if found.git_diff:
        contents[DIFF] = _without_credentials(found.git_diff)
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


def _without_credentials(diff: bytes) -> bytes:
    """Return a difference without the environment's passwords and tokens, should code hold one of them."""
    return without_credentials(diff.decode(errors="surrogateescape")).encode(errors="surrogateescape")


def difference_of_commits(first: str, second: str) -> str | None:
    """Return in short what changed between two commits of this code; None if git doesn't have both.

    Returns:
        As git says it: ``3 files changed, 12 insertions(+), 3 deletions(-)``; empty if nothing did.
    """
    found = _git(Path(__file__).parents[1], "diff", "--shortstat", "--end-of-options", first, second)
    return None if found is None else found.decode(errors="replace").strip()


def changed_files(diff: bytes) -> list[str]:
    """Return the paths that a difference changes."""
    text = diff.decode(errors="replace")
    # git puts a name with special characters in quotes, one with spaces not
    found = re.findall(r'^diff --git (?:a/(.+) b/\1|"a/(.+)" "b/\2")$', text, re.MULTILINE)
    return [plain or quoted for plain, quoted in found]


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
    if len(tracked) > LARGEST_DIFF:
        return tracked[:LARGEST_DIFF] + f"\n[cut: {len(tracked):,} bytes in all]\n".encode()
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
