"""Establishments: one stable identity per place, from one row alone, so that no batch can change it.

A licence number names a business at an address. Where the portal has none (null or 0: about 0.2 % of the
rows, mostly schools and events), name and address together do.
"""

import hashlib
import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.frames import arrow

_NAME_END = "|"  # cannot occur in a normalised name, so ("A B", "C") and ("A", "B C") differ


def establishment_ids(licenses: Any, names: Any, addresses: Any) -> pa.Array:
    """Return ``L<license>``, or ``A<16 hex digits>`` of the SHA-256 of normalised name and address.

    Null only where licence, name and address are all missing.

    Args:
        licenses: licence numbers (int64), null or 0 where there is none.
        names: ``dba_name``.
        addresses: ``address``.
    """
    licenses = licenses if isinstance(licenses, pa.Array) else pa.array(licenses, pa.int64())
    real = pc.fill_null(pc.not_equal(licenses, 0), False)
    by_license = pc.binary_join_element_wise("L", pc.cast(licenses, pa.string()), "")
    rest = pc.invert(real)
    words = (arrow(column, pa.string()).filter(rest).to_pylist() for column in (names, addresses))
    places = zip(*words, strict=True)
    by_place = pa.array([_place_id(name, address) for name, address in places], pa.string())
    return pc.replace_with_mask(by_license, rest, by_place)


def _place_id(name: str | None, address: str | None) -> str | None:
    key = normalise_words(name or "") + _NAME_END + normalise_words(address or "")
    return None if key == _NAME_END else "A" + hashlib.sha256(key.encode()).hexdigest()[:16]


def normalise_words(text: str) -> str:
    """Return the words of ``text`` in capitals, letters and digits only, joined by single blanks."""
    return " ".join(re.findall(r"[^\W_]+", text.upper().replace("'", "")))
