"""Which runs were not made alike: with other libraries, which may change their last bits, or from other commits."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from convsweep.records.attempts import Attempt
from convsweep.records.journal import Result

MOST_VALUES = 5  # that are named of a kind

Values = Callable[[Attempt], str | None]

LIBRARIES: Mapping[str, Values] = {
    "BLAS kernels": lambda attempt: attempt.kernel,
    "versions of BLAS": lambda attempt: attempt.blas,
    "versions of NumPy": lambda attempt: attempt.numpy,
}
PROGRAM: Mapping[str, Values] = {
    "commits": lambda attempt: commit_name(attempt.commit, attempt.diff),
    "versions of Python": lambda attempt: attempt.python,
}


def mixture(results: Iterable[Result | None]) -> str:
    """Say in a line what differs between runs, or within one that was gone on with; empty if nothing does.

    Args:
        results: The runs'. What older records don't say doesn't count.

    >>> def made_by(*attempts):
    ...     known = dict.fromkeys(Result._fields) | {"attempts": attempts}
    ...     return Result(**known)
    >>> one, other = Attempt(-1, "Haswell", commit="a" * 40, diff=""), Attempt(-1, "SkylakeX", commit="b" * 40, diff="")
    >>> mixture([made_by(one), made_by(other._replace(commit="a" * 40)), made_by(one)])
    'Runs were computed with different BLAS kernels (Haswell 2, SkylakeX 1): their last bits depend on which.'
    >>> mixture([made_by(one, other._replace(kernel="Haswell", diff="c" * 64))])
    'Runs were trained by different commits (aaaaaaa+bbbbbbb with changes ccccccc 1).'
    >>> mixture([made_by(one), made_by(one), made_by(), None])
    ''
    """
    found = [result for result in results if result is not None]
    libraries, program = _different(found, LIBRARIES), _different(found, PROGRAM)
    sentences = []
    if libraries:
        sentences.append(f"Runs were computed with different {libraries}: their last bits depend on which.")
    if program:
        sentences.append(f"Runs were trained by different {program}.")
    return " ".join(sentences)


def commit_name(commit: str | None, diff: str | None) -> str | None:
    """Return a short name of a state of the code; None if it isn't known.

    Args:
        commit: The commit.
        diff: The digest of what differs from it; empty: nothing does.
    """
    return commit and commit[:7] + (f" with changes {diff[:7]}" if diff else "")


def _different(results: Iterable[Result], kinds: Mapping[str, Values]) -> str:
    """Name the kinds of things that differ, each with its values and how many runs have them."""
    parts = []
    for kind, value_of in kinds.items():
        counts = Counter(filter(None, (_of_run(result, value_of) for result in results)))
        if len(counts) > 1 or any("+" in value for value in counts):
            named = [f"{value} {count}" for value, count in sorted(counts.items())]
            more = [f"{len(named) - MOST_VALUES} more"] if len(named) > MOST_VALUES else []
            parts.append(f"{kind} ({', '.join(named[:MOST_VALUES] + more)})")
    return ", ".join(parts)


def _of_run(result: Result, value_of: Values) -> str:
    """Return what a run was made with: several values joined by ``+`` if it moved; empty if that isn't known."""
    attempts = result.attempts
    if not attempts and result.blas_kernel is not None:
        attempts = (Attempt(-1, result.blas_kernel),)
    return "+".join(dict.fromkeys(filter(None, map(value_of, attempts))))
