"""Cleaning: the portal's rows as typed inspections and violations, or as rejects with a reason.

Each row stands for itself; only repetitions look at other rows, and only at those of the same week, so
cleaning weeks one at a time or all at once gives the same tables. For every week

    raw rows = inspections + rejected rows

where a row that repeats another one in every portal column is rejected too, as an ``exact_duplicate``.
"""

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.frames import arrow, to_arrow, to_pandas
from food_inspections_dagster.inspections import labels, vocabulary
from food_inspections_dagster.inspections.codebooks import CODEBOOKS, SWITCH_DATE
from food_inspections_dagster.inspections.establishments import establishment_ids
from food_inspections_dagster.inspections.received import NEEDED_COLUMNS
from food_inspections_dagster.inspections.violations import PARSED, parse_violations

# The portal's fields that cleaning reads; it sends more, which stay in the raw rows.
REJECTION_REASONS = (
    "exact_duplicate",
    "missing_inspection_id",
    "bad_inspection_id",
    "bad_inspection_date",
    "date_outside_week",
    "missing_establishment",
    "unknown_result",
    "unparsable_violations",
    "repeated_inspection_id",
)

_BLOCK = 50_000  # violation texts parsed at once: bounds the memory, whatever the range
_NUL, _REPLACED = "\x00", "\ufffd"
_BLANKS = r"[\s\x00-\x1f\x7f\x{a0}]+"
_SEVERITY_COUNTS = {
    "critical_count": ("critical", "priority"),
    "serious_count": ("serious", "priority_foundation"),
    "minor_count": ("minor", "core"),
}


@dataclass(frozen=True)
class Cleaned:
    """The three clean tables (see ``schemas``)."""

    inspections: pd.DataFrame
    violations: pd.DataFrame
    rejected: pd.DataFrame


def clean(raw: pd.DataFrame) -> Cleaned:
    """Clean raw rows of any weeks.

    Args:
        raw: rows as the portal sent them, every value a text, with their ``week`` (Monday).

    Returns:
        Tables in the order of week and ``inspection_id``, whatever the order of the raw rows.

    Raises:
        FoodInspectionsError: if a column that cleaning needs is missing. A bad row never raises, whatever is in it.
    """
    raw = _readable(raw)
    table = to_arrow(raw, NEEDED_COLUMNS, "raw rows")
    week = pc.cast(table["week"], pa.date32()).combine_chunks()
    text = {name: _strings(table[name]) for name in NEEDED_COLUMNS if name not in ("week", "violations")}
    weeks = week.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    rejects = _Rejects(len(week))

    # 12 digits: real ids have 5 to 7, and week and id together must fit one int64 key (see features).
    inspection_id = _whole_numbers(text["inspection_id"], r"^\s*\d{1,12}\s*$")
    ids = pc.fill_null(inspection_id, -1).to_numpy()
    twins, newest_first = _exact_twins(raw, weeks, text["inspection_id"], ids)
    rejects.add(twins, "exact_duplicate", lambda i: "a newer row of this week is the same in every portal column")

    blank_id = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(text["inspection_id"]), ""), True)
    rejects.add(blank_id, "missing_inspection_id", lambda i: "the row has no inspection_id")
    rejects.add(inspection_id.is_null(), "bad_inspection_id", _quote(text, "inspection_id"))
    day = vocabulary.map_unique(text["inspection_date"], _date, pa.date32())
    rejects.add(day.is_null(), "bad_inspection_date", _quote(text, "inspection_date"))
    days = day.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    outside = (days < weeks) | (days >= weeks + 7)
    rejects.add(outside, "date_outside_week", lambda i: f"{days[i]} is not in the week of {weeks[i]}")

    name, address = _folded(text["dba_name"]), _folded(text["address"])
    license_ = _whole_numbers(text["license_"], r"^\s*\d{1,18}(\.0+)?\s*$")
    establishment = establishment_ids(license_, name, address)
    rejects.add(
        establishment.is_null(),
        "missing_establishment",
        lambda i: "the row has neither licence nor name nor address",
    )
    results = vocabulary.normalise_results(text["results"])
    rejects.add(results.is_null(), "unknown_result", _quote(text, "results"))

    codebook = pc.if_else(pc.fill_null(pc.less(day, SWITCH_DATE), True), *CODEBOOKS)
    order = rejects.remaining(np.lexsort((ids, weeks)))
    parsed, unparsable = _parse(table["violations"], codebook, order)
    for i, detail in unparsable.items():
        rejects.add_one(i, "unparsable_violations", detail)
    for older, newer in _repeated(rejects.remaining(newest_first), weeks, ids):
        rejects.add_one(
            older,
            "repeated_inspection_id",
            f"row {text[':id'][newer].as_py()} of this week has the same id and is newer",
        )

    rows = rejects.remaining(order)
    kept = pa.array(rows)
    counts = _severity_counts(parsed, len(week))
    facility = vocabulary.normalise_facility_types(text["facility_type"])["facility_type"].combine_chunks()
    visit = vocabulary.normalise_inspection_types(text["inspection_type"])
    latitude, longitude = vocabulary.normalise_coordinates(text["latitude"], text["longitude"])
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        "week": week,
        "inspection_id": inspection_id,
        "establishment_id": establishment,
        "inspection_date": day,
        "dba_name": name,
        "aka_name": _folded(text["aka_name"]),
        "license_": license_,
        "facility_type": facility,
        "facility_type_raw": _storable(text["facility_type"]),
        "risk": vocabulary.normalise_risks(text["risk"]),
        "address": address,
        "city": vocabulary.normalise_cities(text["city"]),
        "state": pc.utf8_upper(_folded(text["state"])),
        "zip": vocabulary.normalise_zips(text["zip"]),
        "latitude": latitude,
        "longitude": longitude,
        "inspection_type": visit["inspection_type"],
        "inspection_type_raw": _storable(text["inspection_type"]),
        "is_reinspection": visit["is_reinspection"],
        "results": results,
        "codebook": codebook,
        **counts,
        "failed": labels.failed(results),
        "critical_violation": labels.critical_violation(results, counts["critical_count"]),
        "row_id": _storable(text[":id"]),
        "row_updated_at": _storable(text[":updated_at"]),
    }
    inspections = pa.table({name: column.take(kept) for name, column in columns.items()})
    if len(rows) < len(order):
        parsed = parsed.filter(pc.is_in(parsed["row"], value_set=kept))
    violations = pa.table(
        {
            "week": week.take(parsed["row"]),
            "inspection_id": inspection_id.take(parsed["row"]),
            **{name: parsed[name] for name in ("ordinal", "code", "codebook", "title", "severity", "comment")},
        }
    )
    return Cleaned(
        to_pandas(inspections),
        to_pandas(violations),
        _rejected(raw, week, text, rejects),
    )


class _Rejects:
    """Why each row is out; the first reason stands."""

    def __init__(self, rows: int) -> None:
        self.out = np.zeros(rows, dtype=bool)
        self.why: dict[int, tuple[str, str]] = {}

    def add(self, mask: Any, reason: str, detail: Any) -> None:
        mask = mask if isinstance(mask, np.ndarray) else mask.to_numpy(zero_copy_only=False)
        for i in np.flatnonzero(mask & ~self.out):
            self.add_one(int(i), reason, detail(int(i)))

    def add_one(self, row: int, reason: str, detail: str) -> None:
        self.out[row] = True
        self.why[row] = (reason, detail)

    def remaining(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return rows[~self.out[rows]]


def _readable(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with what is no Unicode, such as half of a surrogate pair, replaced by U+FFFD.

    Arrow and JSON refuse it, and one such text must not stop all weeks of a run.
    """
    mended = {name: column for name in raw.columns if (column := _mended(raw[name])) is not None}
    return raw.assign(**mended) if mended else raw


def _mended(column: pd.Series) -> pd.Series | None:
    """Return a column of texts as Unicode, None where it is that already."""
    if not isinstance(column.dtype, pd.ArrowDtype):
        texts = [_unicode(value) if isinstance(value, str) else value for value in column]
        return pd.Series(texts, column.index, dtype=column.dtype)
    array = arrow(column)
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        return None
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        received = array.cast(pa.large_binary()).to_pylist()
        texts = [value if value is None else value.decode("utf-8", "replace") for value in received]
        return pd.Series(texts, column.index, dtype=column.dtype)
    return None


def _unicode(text: str) -> str:
    """Return ``text`` with its surrogate pairs joined; U+FFFD stands for a half that has no other."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _strings(column: pa.ChunkedArray) -> pa.Array:
    return pc.cast(column, pa.string()).combine_chunks()


def _storable(array: pa.Array) -> pa.Array:
    """Return texts as received, but for the NUL character, which Postgres cannot store."""
    return pc.replace_substring(array, pattern=_NUL, replacement=_REPLACED)


def _folded(array: pa.Array) -> pa.Array:
    """Fold blanks and control characters into single blanks; an empty text is null."""
    folded = pc.utf8_trim_whitespace(pc.replace_substring_regex(array, pattern=_BLANKS, replacement=" "))
    return pc.if_else(pc.equal(folded, ""), pa.scalar(None, pa.string()), folded)


def _whole_numbers(array: pa.Array, pattern: str) -> pa.Array:
    matched = pc.if_else(pc.match_substring_regex(array, pattern), array, pa.scalar(None, pa.string()))
    return pc.cast(pc.struct_field(pc.extract_regex(matched, r"(?P<digits>\d+)"), "digits"), pa.int64())


def _date(text: str) -> date | None:
    """Read ``2011-09-02T00:00:00.000`` or ``2011-09-02``."""
    day, _, time = text.strip().partition("T")
    try:
        return date.fromisoformat(day) if len(day) == 10 and (not time or time[:2].isdigit()) else None
    except ValueError:
        return None


def _quote(text: dict[str, pa.Array], name: str) -> Any:
    def detail(row: int) -> str:
        value = text[name][row].as_py()
        return f"{name} is missing" if value is None else f"{name} is {value[:200]!r}"

    return detail


def _exact_twins(
    raw: pd.DataFrame, weeks: npt.NDArray[Any], texts: pa.Array, ids: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Find rows that repeat another of their week in every portal column; the newest of them stays.

    Returns the mask of those left out, and the positions of all rows whose id repeats, newest first.
    """
    written = texts.dictionary_encode().indices.fill_null(-1).to_numpy()
    same_text = pd.DataFrame({"week": weeks, "id": written}).duplicated(keep=False).to_numpy()
    same_number = pd.DataFrame({"week": weeks, "id": ids}).duplicated(keep=False).to_numpy() & (ids >= 0)
    rows = np.flatnonzero(same_text | same_number)
    portal = ["week", *sorted(name for name in raw.columns if not name.startswith(":") and name != "week")]
    system = [name for name in (":updated_at", ":id") if name in raw.columns]
    rest = sorted(set(raw.columns) - set(portal) - set(system))
    # Ties go to the whole content, so that the order of the raw rows never matters.
    repeated = raw.iloc[rows].astype(object).reset_index(drop=True)
    repeated = repeated.where(repeated.notna(), "").astype(str)
    newest_first = repeated.sort_values([*system, *rest, *portal], ascending=False, kind="stable").index.to_numpy()
    twin = raw.iloc[rows[newest_first]].duplicated(subset=portal, keep="first").to_numpy()
    mask = np.zeros(len(raw), dtype=bool)
    mask[rows[newest_first[twin]]] = True
    return mask, rows[newest_first]


def _repeated(
    newest_first: npt.NDArray[np.int64], weeks: npt.NDArray[Any], ids: npt.NDArray[np.int64]
) -> list[tuple[int, int]]:
    """Return (older, newest) for rows of one week with the same id."""
    newest: dict[tuple[Any, int], int] = {}
    pairs = []
    for row in newest_first.tolist():
        first = newest.setdefault((weeks[row], int(ids[row])), row)
        if first != row:
            pairs.append((row, first))
    return pairs


def _parse(texts: pa.ChunkedArray, codebook: pa.Array, order: npt.NDArray[np.int64]) -> tuple[pa.Table, dict[int, str]]:
    """Parse the texts of the rows in ``order``; ``row`` of the result is the position in the raw table."""
    tables, unparsable = [PARSED.empty_table()], {}
    for start in range(0, len(order), _BLOCK):
        rows = order[start : start + _BLOCK]
        parsed = parse_violations(texts.take(pa.array(rows)), codebook.take(pa.array(rows)))
        tables.append(parsed.table.set_column(0, "row", pa.array(rows[parsed.table["row"].to_numpy()])))
        unparsable.update({int(rows[i]): detail for i, detail in parsed.unparsable.items()})
    return pa.concat_tables(tables), unparsable


def _severity_counts(parsed: pa.Table, rows: int) -> dict[str, pa.Array]:
    row = parsed["row"].to_numpy()
    counts = {"violation_count": np.bincount(row, minlength=rows)}
    for name, severities in _SEVERITY_COUNTS.items():
        of_kind = pc.is_in(parsed["severity"], value_set=pa.array(severities)).to_numpy()
        counts[name] = np.bincount(row[of_kind], minlength=rows)
    return {name: pa.array(count.astype(np.int16)) for name, count in counts.items()}


def _rejected(raw: pd.DataFrame, week: pa.Array, text: dict[str, pa.Array], rejects: _Rejects) -> pd.DataFrame:
    rows = list(rejects.why)
    portal = [name for name in raw.columns if name != "week"]
    records = raw[portal].iloc[rows].astype(object).to_dict("records")
    positions = pa.array(rows, pa.int64())
    table = pa.table(
        {
            "week": week.take(positions),
            "row_id": _storable(text[":id"].take(positions)),
            "row_updated_at": _storable(text[":updated_at"].take(positions)),
            "inspection_id": _storable(text["inspection_id"].take(positions)),
            "reason": pa.array([rejects.why[i][0] for i in rows], pa.string()),
            "detail": _storable(pa.array([rejects.why[i][1] for i in rows], pa.string())),
            "row": pa.array([_json({str(name): value for name, value in row.items()}) for row in records], pa.string()),
        }
    )
    return to_pandas(table.sort_by([(name, "ascending") for name in ("week", "row_id", "row", "detail")]))


def _json(row: dict[str, Any]) -> str:
    """Return what a row holds as JSON; without NUL, whose escape Postgres' operators on JSON refuse."""
    present = {
        name.replace(_NUL, _REPLACED): value.replace(_NUL, _REPLACED) if isinstance(value, str) else value
        for name, value in row.items()
        if not pd.isna(value)
    }
    return json.dumps(present, default=str, ensure_ascii=False, sort_keys=True)
