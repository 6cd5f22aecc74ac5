from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from food_inspections_dagster.inspections.chains import chain_name, chain_or_single

DAY = date(2014, 1, 6)
TYPES = {
    "inspection_id": pa.int64(),
    "establishment_id": pa.string(),
    "inspection_date": pa.date32(),
    "dba_name": pa.string(),
    "address": pa.string(),
}


def _records(*rows: tuple[str, int, str | None, str | None]) -> pa.Table:
    """Records from establishment, days after ``DAY``, name and address."""
    place, days, name, address = zip(*rows, strict=True)
    values = (range(len(rows)), place, [DAY + timedelta(days=d) for d in days], name, address)
    return pa.table({c: pa.array(list(v), TYPES[c]) for c, v in zip(TYPES, values, strict=True)})


def _spine(*rows: tuple[str, int], names: list[str | None] | None = None) -> pa.Table:
    spine = pa.table({"establishment_id": [r[0] for r in rows], "as_of_date": [DAY + timedelta(r[1]) for r in rows]})
    return spine if names is None else spine.append_column("dba_name", pa.array(names, pa.string()))


@pytest.mark.parametrize(
    ("name", "chain"),
    [("SUBWAY #1234 INC", "SUBWAY"), ("The Subway", "SUBWAY"), ("7 ELEVEN 33", "ELEVEN"), ("#12", "12"), (" ", None)],
)
def test_shops_of_a_chain_share_a_name(name: str, chain: str | None) -> None:
    assert chain_name(name) == chain


def test_a_chain_is_one_from_the_day_after_its_third_address() -> None:
    records = _records(
        ("L1", 0, "SUBWAY #1", "1 A ST"),
        ("L2", 5, "Subway 22", "2 A ST"),
        ("L2", 6, "SUBWAY 22", "2 a st "),
        ("L3", 10, "SUBWAY LLC", "3 A ST"),
        ("L4", 0, "JOE", "4 A ST"),
        ("L5", 2, "JOE", "4 A ST"),
        ("L6", 4, "JOE INC", "4 A ST"),
    )
    asked = _spine(("L1", 10), ("L1", 11), ("L2", 99), ("L4", 99), ("L3", 10), ("L9", 99))
    # L3 has no record before the day of its own; one address under three licences is no chain.
    assert chain_or_single(asked, records).to_pylist() == ["single", "chain", "chain", "single", None, None]
    assert chain_or_single(asked, records, min_places=2).to_pylist()[0] == "chain"


def test_a_first_visit_is_known_by_its_licence() -> None:
    records = _records(*((f"L{i}", 0, "SUBWAY", f"{i} A ST") for i in range(3)))
    asked = _spine(("N1", 1), ("N2", 1), ("N3", 1), ("L0", 1), names=["SUBWAY 9", "NEW", None, "RENAMED"])
    assert chain_or_single(asked, records).to_pylist() == ["chain", "single", None, "chain"]
    assert chain_or_single(asked, records.slice(0, 0)).to_pylist() == ["single", "single", None, "single"]


def test_random_histories_against_row_by_row() -> None:
    rng = np.random.default_rng(3)
    n = 150
    names, streets = [None, "A", "B 1", "B", "C", "D 2", "E", "F", "G"], [None, "1 X", "2 X", "3 X", "4 X"]
    rows = [
        (f"L{rng.integers(40)}", int(rng.integers(200)), names[rng.integers(9)], streets[rng.integers(5)])
        for _ in range(n)
    ]
    records = _records(*rows)
    asked = [(f"L{rng.integers(42)}", int(rng.integers(220))) for _ in range(200)]
    expected = []
    for place, day in asked:
        before = [(r[1], i) for i, r in enumerate(rows) if r[0] == place and r[1] < day and r[2] is not None]
        if not before:
            expected.append(None)
            continue
        name = chain_name(rows[max(before)[1]][2])
        shops = {r[3] or r[0] for r in rows if r[1] < day and r[2] is not None and chain_name(r[2]) == name}
        expected.append("chain" if len(shops) >= 3 else "single")
    answer = chain_or_single(_spine(*asked), records)
    assert answer.to_pylist() == expected and {"chain", "single", None} == set(expected)
    # What is dated later, and the order of the records, change nothing.
    shuffled = records.take(
        pa.array(np.argsort(np.asarray(records["inspection_date"].cast(pa.int32())), kind="stable"))
    )
    assert chain_or_single(_spine(*asked), shuffled).equals(answer)
