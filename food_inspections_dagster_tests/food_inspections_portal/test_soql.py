"""That ``$where`` selects the rows a pandas filter selects, for any condition."""

from datetime import date

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TEXTS = ("results", "zip", "facility_type", "aka_name")
WORDS = {
    "results": ["Pass", "Fail", "No Entry", "it's", ""],
    "zip": ["60614", "60640", "00000"],
    "facility_type": ["Restaurant", "Grocery Store", "School"],
    "aka_name": ["SUBWAY", "PHO STATION", "x"],
}


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@st.composite
def conditions(draw: st.DrawFn, frame: pd.DataFrame, depth: int = 2) -> tuple[str, pd.Series]:
    """Draw SoQL text and the same condition over the frame, in three-valued logic."""
    text, found = draw(_conditions(frame, depth))
    return text, found.astype("boolean")


@st.composite
def _conditions(draw: st.DrawFn, frame: pd.DataFrame, depth: int = 2) -> tuple[str, pd.Series]:
    kind = draw(st.sampled_from(["text", "number", "date", "null", "in", "like", "and", "or", "not"]))
    if depth == 0 and kind in ("and", "or", "not"):
        kind = "text"
    if kind in ("and", "or"):
        left, a = draw(conditions(frame, depth - 1))
        right, b = draw(conditions(frame, depth - 1))
        return f"({left}) {kind} ({right})", (a & b) if kind == "and" else (a | b)
    if kind == "not":
        text, found = draw(conditions(frame, depth - 1))
        return f"not ({text})", ~found
    if kind == "number":
        value = draw(st.integers(0, 200_000))
        sign = draw(st.sampled_from(["<", "<=", ">", ">=", "=", "!="]))
        numbers = pd.to_numeric(frame["inspection_id"])
        return f"inspection_id {sign} {value}", compared(numbers, sign, value)
    if kind == "date":
        low, high = sorted(draw(st.lists(st.dates(date(2010, 1, 4), date(2011, 3, 1)), min_size=2, max_size=2)))
        days = frame["inspection_date"].str.slice(0, 10)
        return f"inspection_date between '{low}' and '{high}'", (days >= str(low)) & (days <= str(high))
    column = draw(st.sampled_from(TEXTS))
    word = draw(st.sampled_from(WORDS[column]))
    held = frame[column]
    if kind == "null":
        negated = draw(st.booleans())
        return f"{column} is {'not ' if negated else ''}null", held.notna() if negated else held.isna()
    if kind == "in":
        words = draw(st.lists(st.sampled_from(WORDS[column]), min_size=1, max_size=3))
        listed = ", ".join(quoted(word) for word in words)
        return f"{column} in ({listed})", held.isin(words).astype("boolean").mask(held.isna())
    if kind == "like":
        if draw(st.booleans()):
            return f"{column} like {quoted(word[:3] + '%')}", held.str.startswith(word[:3])
        return f"starts_with({column}, {quoted(word[:2])})", held.str.startswith(word[:2])
    sign = draw(st.sampled_from(["=", "!=", "<", ">="]))
    return f"{column} {sign} {quoted(word)}", compared(held, sign, word)


def compared(values: pd.Series, sign: str, other: object) -> pd.Series:
    names = {"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
    return getattr(values, names[sign])(other)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_where_selects_what_a_pandas_filter_selects(portal, rows, data):
    text, wanted = data.draw(conditions(rows))
    wanted = wanted.astype("boolean").fillna(False).astype(bool)
    found = portal.get(select=":id", where=text, order=":id", limit=50_000)
    assert [row[":id"] for row in found] == sorted(rows.loc[wanted, ":id"]), text
    counted = portal.get(select="count(*)", where=text)
    assert counted == [{"count": str(wanted.sum())}]
