"""The table of profiles."""

import pandera.pandas as pandera
import pyarrow as pa

from food_inspections_dagster.schemas import MONDAY, column, one_of, schema

TEXT, DATE, NUMBER = pa.string(), pa.date32(), pa.float64()

#: Ranges: everything up to the end of the week, and the newest weeks, beside as many weeks before them.
HISTORY, RECENT = "history", "recent"
SPANS = (HISTORY, RECENT)
#: Of a table: its ``column_name``.
WHOLE_TABLE = "*"
QUANTILES = {"min": 0.0, "p05": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95, "max": 1.0}
BY_CODE = {"2010": "rows_of_2010_code", "2018": "rows_of_2018_code"}
MEASURES = (
    *("rows", "repeated_keys", "repeated_rows", "rows_of_year", "rows_of_week"),
    *("missing", "distinct", "mean", *QUANTILES, "top_value", "histogram"),
    *BY_CODE.values(),
)

DATA_PROFILE = schema(
    "data_profile",
    "One row per measure of a column, or of a whole table, over a range of weeks.",
    ["week", "table_name", "span", "column_name", "measure", "position"],
    {
        "week": column(DATE, "Monday of the week (partition), the last one of the range", MONDAY),
        "table_name": column(TEXT, "The asset that is profiled", pandera.Check.str_length(min_value=1)),
        "span": column(
            TEXT,
            "Range of weeks: history (all so far) or recent (the newest, see profiles.weeks)",
            one_of(SPANS),
        ),
        "first_week": column(DATE, "Monday of the first week of the range", MONDAY),
        "column_name": column(
            TEXT, f"Column of the table; {WHOLE_TABLE} for the table as a whole", pandera.Check.str_length(min_value=1)
        ),
        "measure": column(
            TEXT,
            "rows; repeated_keys (rows whose key another row has, in whatever week); repeated_rows (alike in "
            "everything but the number of the row); rows_of_year, rows_of_week; missing, distinct (of what is not "
            "missing); mean, min, p05, p25, median, p75, p95, max; top_value and histogram (rows of an item); "
            "rows_of_2010_code, rows_of_2018_code (violations by code and era)",
            one_of(MEASURES),
        ),
        "position": column(
            pa.int16(),
            "Place of the item: rank of a top value, number of a bin, year, code; 0 where there is one value",
            pandera.Check.ge(0),
        ),
        "item": column(
            TEXT,
            "What is counted: a value, a bin, a year or week, a code's title; of quantiles of dates the date",
            null=True,
        ),
        "low": column(NUMBER, "Lower bound of a bin; dates in days since 1970-01-01", null=True),
        "high": column(NUMBER, "Upper bound of a bin", null=True),
        "value": column(NUMBER, "The measure; dates in days since 1970-01-01"),
        "value_before": column(
            NUMBER,
            "The same over as many weeks right before the range recent; null where they hold no row",
            null=True,
        ),
    },
)
