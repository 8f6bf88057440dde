"""The errors a person can cause or mend, each with the exit code the command line gives it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class AutoMLError(Exception):
    """A fault with a cause worth one clear paragraph; the base of all below.

    The command line prints the message without a traceback (``--debug`` shows it) and exits with `exit_code`.
    """

    exit_code = 1


class UsageError(AutoMLError):
    """Bad input: an unknown name, a value out of range, options that contradict each other."""

    exit_code = 2


class StudyError(AutoMLError):
    """A study that is missing, unreadable, or was made with other settings."""

    exit_code = 3


class StorageError(AutoMLError):
    """A home that cannot be written to, a full disk, a database that does not answer."""

    exit_code = 4


class TrialError(AutoMLError):
    """Training that failed, or a search in which no trial succeeded."""

    exit_code = 5


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Names in `known` that a person who typed `name` may have meant, best first, at most three."""
    folded = {candidate.casefold(): candidate for candidate in known}
    typed = name.casefold()
    # An abbreviation is far from its word by edit distance, yet surely meant.
    begun = sorted(candidate for candidate in folded if typed and candidate.startswith(typed))
    matches = begun or difflib.get_close_matches(typed, folded, n=3, cutoff=0.5)
    return [folded[match] for match in matches[:3]]


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name nobody has: says the near names, or all names when none is near.

    Args:
        kind: What was looked up, in words: ``"space"``, ``"dimension of space efficientnet"``.
        name: What was asked for.
        known: Every name there is.
    """
    names = sorted(known)
    near = near_names(name, names)
    if near:
        hint = f"Did you mean {_either(near)}?"
    elif names:
        hint = f"Known: {', '.join(names)}."
    else:
        hint = "There is none: no installed plugin brings one (see `automl plugins`)."
    return UsageError(f"There is no {kind} named {name!r}. {hint}")


def _either(names: list[str]) -> str:
    quoted = [repr(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
