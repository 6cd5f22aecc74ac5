from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames


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
