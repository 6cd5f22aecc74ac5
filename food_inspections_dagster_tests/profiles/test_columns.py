from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from food_inspections_dagster.profiles.columns import Column, Kind, bins_of, day_of, kind_of, quantiles, top_places


def encoded(values, name="x", kind=None, chunks=1):
    parts = [pa.array(part.tolist(), kind) for part in np.array_split(np.array(values, dtype=object), chunks)]
    return Column.encode(name, pa.chunked_array(parts, kind))


def test_what_can_be_said_depends_on_type_and_name():
    assert kind_of("risk", pa.int16()) is Kind.NUMBER and kind_of("latitude", pa.float64()) is Kind.NUMBER
    assert (
        kind_of("inspection_id", pa.int64()) is Kind.IDENTIFIER and kind_of("license_", pa.int64()) is Kind.IDENTIFIER
    )
    assert kind_of("failed", pa.bool_()) is Kind.TEXT and kind_of("expiration_date", pa.date32()) is Kind.DATE


@given(st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1), st.integers(1, 4))
def test_counts_are_those_of_the_slice_whatever_the_chunks(values, chunks):
    column = encoded(values, kind=pa.int64(), chunks=chunks)
    assert column.numbers.tolist() == sorted({v for v in values if v is not None})
    for rows in (slice(0, len(values)), slice(len(values) // 3, len(values) // 2)):
        counts, wanted = column.counts(rows), values[rows]
        assert counts[-1] == wanted.count(None)
        assert counts[:-1].tolist() == [wanted.count(int(number)) for number in column.numbers]


def test_a_column_without_rows_has_nothing():
    column = Column.encode("x", pa.chunked_array([], pa.date32()))
    assert column.counts(slice(0, 0)).tolist() == [0] and quantiles(column.counts(slice(0, 0))[:-1], (0.5,)) is None


@given(st.lists(st.integers(0, 30), min_size=1), st.sampled_from([0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0]))
def test_quantiles_are_those_of_numpy(values, share):
    column = encoded(values, kind=pa.int64())
    (place,) = quantiles(column.counts(slice(0, len(values)))[:-1], (share,))
    assert column.numbers[place] == np.quantile(values, share, method="inverted_cdf")


def test_top_values_are_those_that_repeat_by_count_and_then_by_value():
    column = encoded(["b", "a", "b", "a", "c", "d", "d", "d", None, None])
    places = top_places(column, column.counts(slice(0, 10))[:-1], 2)
    assert [column.text(place) for place in places] == ["d", "a"]
    assert [column.text(p) for p in top_places(column, column.counts(slice(0, 10))[:-1], 9)] == ["d", "a", "b"]


@given(st.lists(st.integers(-1000, 1000), min_size=2), st.integers(2, 12))
def test_bins_hold_every_row_once(values, most):
    column = encoded(values, kind=pa.int64())
    counts = column.counts(slice(0, len(values)))[:-1]
    bins = bins_of(column.numbers, counts, most)
    if len(set(values)) == 1:
        assert bins is None
        return
    assert bins.rows(counts).sum() == len(values) and len(bins.low) <= most
    assert bins.low[0] == min(values) and bins.high[-1] == max(values)
    assert (bins.low <= bins.high).all()


def test_an_outlier_leaves_the_bins_of_the_others():
    values = [*np.arange(1000.0), 1e9]
    column = encoded(values, kind=pa.float64())
    bins = bins_of(column.numbers, column.counts(slice(0, 1001))[:-1], 10)
    assert bins.high[-1] == 1e9 and bins.low[-1] < 1000


def test_values_as_people_read_them():
    assert encoded([True, False]).text(0) == "true"
    assert encoded([0.1], kind=pa.float32()).text(0) == "0.1"
    assert (
        encoded(["two  \n words" + "x" * 200]).text(0).startswith("two words")
        and len(encoded(["y" * 200]).text(0)) == 80
    )
    assert day_of(17713.0) == date(2018, 7, 1)


@pytest.mark.parametrize("values", [[1.5, None, 1.5], [None, None]])
def test_missing_is_not_a_value(values):
    column = encoded(values, kind=pa.float64())
    assert len(column.values) == len({v for v in values if v is not None})
