"""The one error a person is meant to read."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class FoodInspectionsError(Exception):
    """What happened, where, and how to mend it, in one sentence; the command line prints it and exits with 1."""


@dataclass(frozen=True)
class Finding:
    """What a look at something gave.

    Attributes:
        sentence: what it is, and how to mend it.
        is_problem: false where nothing has to be mended.
    """

    sentence: str
    is_problem: bool = True


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: the known one it resembles most, else all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if close:
        return f"use {close[0]}, or remove it"
    return f"remove it, or use one of {', '.join(names[:12])}" if names else "remove it"
