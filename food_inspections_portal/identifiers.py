"""The system fields ``:id`` and ``:version``, derived from a number so that the same row always gets the
same ones.

The portal's ids are random: they are in the order neither of dates nor of ``inspection_id``. Ours are too.
"""

from typing import cast

import numpy as np
import pandas as pd

_ALPHABET = np.frombuffer(b"23456789abcdefghijkmnpqrstuvwxyz", dtype="S1")
_BITS = np.uint64(60)
_MASK = np.uint64((1 << 60) - 1)
_FACTORS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9))


def mix(numbers: np.ndarray) -> np.ndarray:
    """Scramble 60-bit numbers one to one (xor-shift and odd multiplication), so distinct numbers stay
    distinct.

    Args:
        numbers: uint64, below 2**60.
    """
    mixed = numbers.astype(np.uint64) & _MASK
    for factor in _FACTORS:
        mixed = (mixed * factor) & _MASK
        mixed ^= mixed >> np.uint64(31)
    return mixed


def number_of(keys: list[str]) -> np.ndarray:
    """Return a 60-bit number for each text, the same on every machine."""
    hashed = cast("np.ndarray", pd.util.hash_array(np.array(keys, dtype=object), categorize=False))
    return hashed & _MASK


def row_ids(numbers: np.ndarray) -> np.ndarray:
    """Return ids such as ``row-7uyg.qhr9~zjup`` for 60-bit numbers."""
    return _spell("row-", ".", "~", mix(numbers))


def row_versions(numbers: np.ndarray, edits: np.ndarray | int = 0) -> np.ndarray:
    """Return versions such as ``rv-8d2k.vq4u~9xgt``; another count of edits gives another version."""
    salted = mix(numbers) ^ (np.uint64(0x5DEECE66D) + np.asarray(edits, dtype=np.uint64))
    return _spell("rv-", ".", "~", mix(salted))


def _spell(prefix: str, first: str, second: str, numbers: np.ndarray) -> np.ndarray:
    shifts = np.arange(55, -1, -5, dtype=np.uint64)
    digits = ((numbers[:, None] >> shifts) & np.uint64(31)).astype(np.intp)
    letters = _ALPHABET[digits]
    head = np.frombuffer(prefix.encode(), dtype="S1")
    count = len(numbers)
    parts = [
        np.broadcast_to(head, (count, len(head))),
        letters[:, :4],
        np.full((count, 1), first.encode(), "S1"),
        letters[:, 4:8],
        np.full((count, 1), second.encode(), "S1"),
        letters[:, 8:],
    ]
    spelled = np.ascontiguousarray(np.concatenate(parts, axis=1))
    return spelled.view(f"S{spelled.shape[1]}").ravel().astype(str)
