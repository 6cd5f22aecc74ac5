from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError


def test_round_trip_of_types_and_nulls() -> None:
    types = {"day": pa.date32(), "text": pa.string(), "number": pa.float64()}
    frame = frames.table(
        {"day": [date(2014, 1, 6), date(2014, 1, 13)], "text": ["a", None], "number": [np.nan, 1.5]}, types
    )
    assert [dtype.pyarrow_dtype for dtype in frame.dtypes] == list(types.values())
    assert frame["text"].isna().tolist() == [False, True]
    assert frame["number"].isna().tolist() == [True, False]
    assert frames.days(frame["day"]).tolist() == [date(2014, 1, 6), date(2014, 1, 13)]
    assert frames.texts(frame["text"]).tolist() == ["a", None]
    assert frames.empty(types).dtypes.equals(frame.dtypes)


def test_codes_number_values_by_their_order_across_chunks() -> None:
    text = pd.ArrowDtype(pa.string())
    column = pd.concat([pd.Series(["b", "a"], dtype=text), pd.Series(["a", "c"], dtype=text)])
    assert frames.codes(column).tolist() == [1, 0, 0, 2]


def test_span_holds_both_ends() -> None:
    weeks = np.array(["2014-01-06", "2014-01-06", "2014-01-13", "2014-01-20"], dtype="datetime64[D]")
    assert frames.span(weeks, date(2014, 1, 6), date(2014, 1, 13)) == slice(0, 3)
    assert frames.span(weeks, date(2014, 1, 27), date(2014, 2, 3)) == slice(4, 4)


# Digests of columns, and what is stored.

FIRST = date(2014, 1, 6)
MONDAYS = [FIRST + timedelta(days=7 * number) for number in range(4)]
VALUES = {
    pa.string(): st.text(max_size=4),
    pa.date32(): st.dates(date(1960, 1, 1), date(2030, 1, 1)),
    pa.int16(): st.integers(-(2**15), 2**15 - 1),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.bool_(): st.booleans(),
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.float64(): st.floats(allow_nan=False),
    pa.timestamp("us"): st.datetimes(datetime(1960, 1, 1), datetime(2030, 1, 1)),
    pa.timestamp("us", "UTC"): st.datetimes(datetime(1960, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
}
FEW = settings(deadline=None, max_examples=60)


def test_every_stored_type_is_tried() -> None:
    assert VALUES.keys() == set(frames.STORED_TYPES)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Rows of weeks in order, with a unique id and a column of each stored type, nulls among them."""
    weeks = sorted(draw(st.lists(st.sampled_from(MONDAYS), max_size=12)))
    size = len(weeks)
    columns = {"week": pa.array(weeks, pa.date32()), "id": pa.array(range(size), pa.int64())}
    for kind, values in VALUES.items():
        column = draw(st.lists(st.none() | values, min_size=size, max_size=size))
        columns[f"a {kind}"] = pa.array(column, kind)
    return pa.table(columns)


def digests(rows: pa.Table, bounds: Sequence[tuple[int, int]] | None = None) -> list[dict[str, str]]:
    return frames.column_digests(rows, [(0, rows.num_rows)] if bounds is None else bounds)


@FEW
@given(tables())
def test_a_week_has_the_same_digests_alone_and_in_any_batch(rows: pa.Table) -> None:
    bounds = frames.week_bounds("things", rows, MONDAYS)
    together = digests(rows, list(bounds.values()))
    for of_week, (start, stop) in zip(together, bounds.values(), strict=True):
        alone = rows.slice(start, stop - start)
        assert digests(alone) == [of_week], "a slice"
        assert digests(pa.Table.from_pylist(alone.to_pylist(), schema=rows.schema)) == [of_week], "buffers of its own"
    if rows.num_rows > 1:
        chunked = pa.concat_tables([rows.slice(0, 1), rows.slice(1)])
        assert digests(chunked, list(bounds.values())) == together


@FEW
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_count_once_they_are_stored(rows: pa.Table, random: Random) -> None:
    order = list(range(rows.num_rows))
    random.shuffle(order)
    frame = rows.to_pandas(types_mapper=pd.ArrowDtype)
    shuffled = frame.iloc[order].reset_index(drop=True)
    assert digests(frames.storable("things", shuffled, ["id"])) == digests(frames.storable("things", frame, ["id"]))
    assert frames.storable("things", shuffled, ["id"]).equals(rows), "and types, values and nulls stay"


@FEW
@given(tables(), st.data())
def test_any_other_value_is_another_digest_of_its_column_alone(rows: pa.Table, data: st.DataObject) -> None:
    if not rows.num_rows:
        return
    place = data.draw(st.integers(0, rows.num_rows - 1))
    kind = data.draw(st.sampled_from(list(VALUES)))
    name = f"a {kind}"
    column = rows[name].to_pylist()
    other = data.draw((st.none() | VALUES[kind]).filter(lambda value: pa.scalar(value, kind) != rows[name][place]))
    # -0.0 and 0.0 are equal and differ in their bytes: either answer is right.
    same = other is not None and column[place] is not None and other == column[place]
    column[place] = other
    changed = rows.set_column(rows.column_names.index(name), name, pa.array(column, kind))
    if same or changed.equals(rows):
        return
    before, after = digests(rows)[0], digests(changed)[0]
    assert {column for column in before if before[column] != after[column]} == {name}
    assert frames.content_digest(before) != frames.content_digest(after)


def test_what_lies_under_a_null_does_not_count() -> None:
    valid = pa.array([True, False]).buffers()[1]
    for kind, (first, second) in {pa.int64(): ([1, 2], [1, 3]), pa.float64(): ([1.0, 2.0], [1.0, np.nan])}.items():
        arrays = [
            pa.Array.from_buffers(kind, 2, [valid, pa.array(values, kind).buffers()[1]]) for values in (first, second)
        ]
        assert len({str(digests(pa.table({"x": array}))) for array in [*arrays, pa.array([first[0], None], kind)]}) == 1
    texts = [pa.array(values) for values in (["a", "hidden"], ["a", "other"])]
    under = [pa.Array.from_buffers(pa.string(), 2, [valid, *text.buffers()[1:]]) for text in texts]
    assert len({str(digests(pa.table({"x": text}))) for text in [*under, pa.array(["a", None])]}) == 1


def test_nulls_names_and_types_count() -> None:
    columns = [
        {"x": pa.array([0, 1], pa.int64())},
        {"x": pa.array([None, 1], pa.int64())},
        {"x": pa.array([0, None], pa.int64())},
        {"y": pa.array([0, 1], pa.int64())},
        {"x": pa.array([0, 1], pa.int32())},
        {"x": pa.array([0, 1], pa.float64())},
        {"x": pa.array([False, True])},
        {"x": pa.array(["", "1"])},
        {"x": pa.array([None, "1"], pa.string())},
        {"x": pa.array([None, None], pa.string())},
        {"x": pa.array(["", ""])},
        {"x": pa.array(["1", ""])},
    ]
    found = [digests(pa.table(one))[0] for one in columns]
    assert len({str(sorted(one.items())) for one in found}) == len(columns)
    assert len({frames.content_digest(one) for one in found}) == len(columns)
    assert all(len(value) == 16 for one in found for value in one.values())


def test_texts_are_told_apart_by_where_they_end() -> None:
    found = [digests(pa.table({"x": pa.array(texts)}))[0]["x"] for texts in (["ab", "c"], ["a", "bc"], ["abc", ""])]
    assert len(set(found)) == 3


@pytest.mark.parametrize("kind", VALUES, ids=str)
def test_no_rows_have_a_digest_of_name_and_type(kind: pa.DataType) -> None:
    values = pa.array([None, None], kind)
    empty = pa.table({"x": pa.array([], kind)})
    (expected,) = digests(empty)
    assert digests(pa.table({"x": values}), [(0, 0), (1, 1), (2, 2)]) == [expected] * 3
    assert digests(pa.table({"x": values})) != [expected]
    assert digests(empty.rename_columns(["y"]))[0]["y"] != expected["x"]
    assert frames.column_digests(empty, []) == []


def test_a_content_digest_is_of_all_columns_in_any_order() -> None:
    assert frames.content_digest({"a": "1", "b": "2"}) == frames.content_digest({"b": "2", "a": "1"})
    digests_of = [{}, {"a": "1"}, {"a": "2"}, {"b": "1"}, {"a": "1", "b": "2"}]
    found = {frames.content_digest(one) for one in digests_of}
    assert len(found) == len(digests_of) and {len(one) for one in found} == {64}


def stored_frame(**changed: pa.Array) -> pd.DataFrame:
    columns = {
        "week": pa.array([MONDAYS[1], MONDAYS[0]], pa.date32()),
        "id": pa.array(["b", "a"], pa.string()),
        **changed,
    }
    return pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)


def test_types_that_mean_the_same_are_stored_as_one() -> None:
    moments = [datetime(2014, 1, 6, 12), None]
    frame = stored_frame(
        large=pa.array(["x", None], pa.large_string()),
        category=pa.array(["x", None]).dictionary_encode(),
        seconds=pa.array(moments, pa.timestamp("s")),
        chicago=pa.array(moments, pa.timestamp("ns", "America/Chicago")),
    )
    frame.index = [7, 7]
    rows = frames.storable("things", frame, ["id"])
    assert rows.column_names == ["week", "id", "large", "category", "seconds", "chicago"]
    assert [str(kind) for kind in rows.schema.types[2:]] == [
        *("string", "string", "timestamp[us]", "timestamp[us, tz=UTC]")
    ]
    assert rows["week"].to_pylist() == MONDAYS[:2] and rows["id"].to_pylist() == ["a", "b"]
    assert rows["chicago"].to_pylist()[1] == datetime(2014, 1, 6, 12, tzinfo=UTC)
    assert rows.schema.metadata is None


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (stored_frame().drop(columns="week"), "rows for things have no column week"),
        (stored_frame().drop(columns="id"), "rows for things have no column id"),
        (stored_frame(odd=pa.array([[1], [2]])), "column odd for things has the type list.*not stored"),
        (stored_frame(odd=pa.array([1, 2], pa.uint8())), "column odd for things has the type uint8"),
        (stored_frame(odd=pa.array([None, None], pa.null())), "column odd for things has the type null"),
    ],
    ids=["no week", "no key", "list", "unsigned", "null"],
)
def test_what_is_not_stored_is_refused(frame: pd.DataFrame, words: str) -> None:
    with pytest.raises(FoodInspectionsError, match=words):
        frames.storable("things", frame, ["id"])


@FEW
@given(st.lists(st.sampled_from(MONDAYS), max_size=12))
def test_the_rows_of_each_week_are_counted_and_bounded(weeks: list[date]) -> None:
    frame = frames.table({"week": weeks}, {"week": pa.date32()})
    counts = {week: weeks.count(week) for week in MONDAYS}
    assert frames.rows_per_week(frame, MONDAYS) == counts
    rows = frames.sorted_by(pa.table({"week": pa.array(weeks, pa.date32())}), ["week"])
    bounds = frames.week_bounds("things", rows, MONDAYS[::-1])
    assert list(bounds) == MONDAYS
    assert {week: stop - start for week, (start, stop) in bounds.items()} == counts
    assert [stop for _, stop in bounds.values()][:-1] == [start for start, _ in bounds.values()][1:]


def test_rows_of_no_week_or_another_are_refused() -> None:
    rows = pa.table({"week": pa.array([MONDAYS[0], MONDAYS[2]], pa.date32())})
    with pytest.raises(FoodInspectionsError, match=f"hold the week {MONDAYS[2]}, which is not among the 2 weeks"):
        frames.week_bounds("things", rows, MONDAYS[:2])
    for odd in (pa.array([MONDAYS[0], None], pa.date32()), pa.array(["2014-01-06"] * 2)):
        with pytest.raises(FoodInspectionsError, match=r"must be a date \(date32\) in every row"):
            frames.week_bounds("things", pa.table({"week": odd}), MONDAYS)


def test_rows_in_order_are_not_copied() -> None:
    rows = pa.table({"a": [1, 1, 2], "b": [1, 2, 0]})
    assert frames.sorted_by(rows, ["a", "b"]) is rows
    assert frames.sorted_by(rows, ["b"])["b"].to_pylist() == [0, 1, 2]
