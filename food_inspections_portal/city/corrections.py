"""What happens to rows after they were published: corrections in later weeks, repeated and broken rows.

All is decided by the visit's own random number, so it does not depend on how long the simulation runs; a
correction shows only if its week has come.
"""

from dataclasses import dataclass

import numpy as np

from food_inspections_portal.city.violations_text import CONDITIONS, DECIDED, FAIL, PASS

FACILITY, RESULT, VIOLATIONS, ADDRESS = range(4)
_SHARE = 0.02
# Weeks from publication to correction: most within a month, some half a year later.
_DELAYS = np.repeat([1, 2, 3, 4, 6, 9, 13, 20, 26], [20, 16, 12, 10, 12, 10, 8, 7, 5])

REPEATED, SAME_ID, NO_ID, ODD_RESULT, TORN_TEXT = range(5)
_ODD_SHARES = (2e-5, 1e-5, 1e-5, 1.5e-5, 2e-5)


@dataclass(frozen=True)
class Corrections:
    """Corrections that have happened by the end.

    Attributes:
        field: FACILITY, RESULT, VIOLATIONS or ADDRESS; -1 for rows that are as first published.
        day: days since the first Monday on which the row was corrected; 0 where it was not.
    """

    field: np.ndarray
    day: np.ndarray


def corrections(words: np.ndarray, week: np.ndarray, weeks: int, has_text: np.ndarray) -> Corrections:
    """Decide which rows have been corrected by the end of week ``weeks - 1``.

    Args:
        words: the visits' 62-bit numbers.
        week: number of each visit's week.
        weeks: weeks simulated.
        has_text: whether a row has violations to correct.
    """
    delay = _DELAYS[_bits(words, 0) % len(_DELAYS)]
    happened = (_bits(words, 12) % 10_000 < _SHARE * 10_000) & (week + delay < weeks)
    field = np.array([FACILITY, FACILITY, RESULT, VIOLATIONS, VIOLATIONS, ADDRESS])[_bits(words, 26) % 6]
    field = np.where((field == VIOLATIONS) & ~has_text, ADDRESS, field)
    day = 7 * (week + delay) + _bits(words, 30) % 5
    return Corrections(np.where(happened, field, -1), np.where(happened, day, 0))


def corrected_results(result: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Return results after correction; results that are no decision stay."""
    becomes = np.arange(result.max(initial=DECIDED) + 1)
    becomes[[PASS, FAIL, CONDITIONS]] = (CONDITIONS, CONDITIONS, PASS)
    return np.where(changed & (result < DECIDED), becomes[result], result)


def oddities(words: np.ndarray) -> np.ndarray:
    """Return what is odd about each row (REPEATED, ...), -1 for nearly all."""
    dice = (_bits(words, 20) * 2.0**-20 + _bits(words, 40)) % (1 << 20) / (1 << 20)
    return np.where(dice < sum(_ODD_SHARES), np.searchsorted(np.cumsum(_ODD_SHARES), dice, side="right"), -1)


def _bits(words: np.ndarray, shift: int) -> np.ndarray:
    """Return 20 bits of each number."""
    return ((words.astype(np.uint64) >> np.uint64(shift)) & np.uint64(0xFFFFF)).astype(np.int64)
