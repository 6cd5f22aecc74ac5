"""The profile of a week as one HTML page that stands for itself: no script, no font and no file from anywhere else."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any

import jinja2
import pandas as pd

from food_inspections_dagster import frames
from food_inspections_dagster.inspections.codebooks import SWITCH_DATE
from food_inspections_dagster.profiles.changes import Jump
from food_inspections_dagster.profiles.schemas import BY_CODE, HISTORY, QUANTILES, RECENT, WHOLE_TABLE
from food_inspections_dagster.weeks import WEEK

TEMPLATE = "report.html"
_FETCHED = re.compile(r"<(?:script|link|img|iframe|object)\b", re.IGNORECASE)  # what the page holds as text is escaped
Row = dict[str, Any]


def render(
    week: date,
    profile: pd.DataFrame,
    jumps: Sequence[Jump],
    descriptions: Mapping[str, Mapping[str, str]],
    simulated: bool,
    weeks: int,
) -> str:
    """Return the page of a week; the same rows give the same bytes.

    Args:
        profile: rows of ``DATA_PROFILE``; those of the week are shown.
        jumps: what is to be looked at, the largest first.
        descriptions: by table and column, what it holds; the table's own under the empty text.
        simulated: whether no real city is meant, which is then said first.
        weeks: length of the newest range.
    """
    of_week = profile[profile["week"] == week]
    names = ["table_name", "span", "column_name", "measure", "position", "item", "low", "high", "value", "value_before"]
    nested: dict[str, dict[str, dict[str, dict[str, list[Row]]]]] = {}
    for row in frames.to_arrow(of_week, names, "rows of the profile").to_pylist():
        spans = nested.setdefault(row["table_name"], {})
        measures = spans.setdefault(row["span"], {}).setdefault(row["column_name"], {})
        measures.setdefault(row["measure"], []).append(row)
    tables = [_table(name, spans, descriptions.get(name, {})) for name, spans in nested.items()]
    return _template().render(
        week=week,
        through=week + WEEK - timedelta(days=1),
        first=min((table["first"] for table in tables if table["first"]), default=str(week)),
        tables=tables,
        jumps=[str(jump) for jump in jumps if jump.week == week],
        simulated=simulated,
        weeks=weeks,
        switch=SWITCH_DATE,
        quantiles=[name for name in QUANTILES if name not in ("p05", "p95")],
    )


def fault_of(page: str, tables: Sequence[str]) -> str:
    """Return what is wrong with a page, or nothing: it was cut, lacks a table, or needs something from elsewhere."""
    if not page.rstrip().endswith("</html>"):
        return "it has no end"
    missing = [name for name in tables if f'<details id="{name}"' not in page]
    if missing:
        return f"it lacks {', '.join(missing)}"
    fetched = _FETCHED.search(page)
    return f"it holds {fetched.group()}" if fetched else ""


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"count": _count, "number": _number, "share": _share}
    return environment.from_string(resources.files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8"))


def _table(name: str, spans: Mapping[str, Mapping[str, Mapping[str, list[Row]]]], words: Mapping[str, str]) -> Row:
    history, recent = spans[HISTORY], spans[RECENT]
    whole, newest = history[WHOLE_TABLE], recent[WHOLE_TABLE]
    years = whole.get("rows_of_year", [])
    columns = [
        _column(column, measures, recent[column], _one(whole, "rows"), newest, words.get(column, ""))
        for column, measures in history.items()
        if column != WHOLE_TABLE
    ]
    return {
        "name": name,
        "words": words.get("", ""),
        "rows": _one(whole, "rows"),
        "recent": _one(newest, "rows"),
        "before": _one(newest, "rows", "value_before"),
        "change": _change(_one(newest, "rows"), _one(newest, "rows", "value_before")),
        "repeated_keys": _one(whole, "repeated_keys"),
        "repeated_rows": _one(whole, "repeated_rows"),
        "first": years[0]["item"] if years else None,
        "years": _bars(years),
        "weeks": _bars(newest.get("rows_of_week", [])),
        "most_missing": min(columns, key=lambda column: (-(column["missing"] or 0), column["name"]), default=None),
        "columns": columns,
        "codes": [_codes(era, measure, whole, newest) for era, measure in BY_CODE.items() if measure in whole],
    }


def _column(
    name: str,
    history: Mapping[str, list[Row]],
    recent: Mapping[str, list[Row]],
    rows: float,
    newest: Mapping[str, list[Row]],
    words: str,
) -> Row:
    now, then = _one(newest, "rows"), _one(newest, "rows", "value_before")
    shown = recent if recent.get("top_value") or recent.get("histogram") else history
    total, before = (now, then) if shown is recent else (rows, None)
    dates = "min" in history and history["min"][0]["item"] is not None
    return {
        "name": name,
        "words": words,
        "rows": rows,
        "missing": _ratio(_one(history, "missing"), rows),
        "missing_recent": _ratio(_one(recent, "missing"), now),
        "missing_before": _ratio(_one(recent, "missing", "value_before"), then),
        "distinct": _one(history, "distinct"),
        "distinct_recent": _one(recent, "distinct"),
        "distinct_before": _one(recent, "distinct", "value_before"),
        "all_distinct": rows > 0 and _one(history, "distinct") == rows,
        "dates": dates,
        "quantiles": {
            measure: {
                "all": history[measure][0]["item" if dates else "value"],
                "recent": recent[measure][0]["item" if dates else "value"] if measure in recent else None,
            }
            for measure in [*QUANTILES, "mean"]
            if measure in history
        },
        "shown": "newest" if shown is recent else "all",
        "top": [
            {
                "item": row["item"],
                "share": _ratio(row["value"], total),
                "before": _ratio(row["value_before"], before),
                "rows": row["value"],
            }
            for row in shown.get("top_value", [])
        ],
        "histogram": _bars(shown.get("histogram", [])),
    }


def _codes(era: str, measure: str, whole: Mapping[str, list[Row]], newest: Mapping[str, list[Row]]) -> Row:
    rows = sorted(whole[measure], key=lambda row: (-row["value"], row["position"]))
    total = sum(row["value"] for row in rows)
    recent = {row["position"]: row for row in newest.get(measure, [])}
    sums = [sum(row[name] or 0 for row in recent.values()) for name in ("value", "value_before")]
    codes = [
        {
            "code": row["position"],
            "title": row["item"].capitalize() if row["item"].isupper() else row["item"],
            "rows": row["value"],
            "share": _ratio(row["value"], total),
            "recent": _ratio(recent.get(row["position"], {}).get("value"), sums[0]),
            "before": _ratio(recent.get(row["position"], {}).get("value_before"), sums[1]),
        }
        for row in rows
    ]
    return {"era": era, "rows": total, "codes": codes}


def _bars(rows: Sequence[Row]) -> list[Row]:
    """Return bars with heights in percent: shares of the rows, and of the rows of the range before."""
    now, then = (sum(row[name] or 0 for row in rows) for name in ("value", "value_before"))
    shares = [(_ratio(row["value"], now) or 0, _ratio(row["value_before"], then)) for row in rows]
    most = max((max(one, other or 0) for one, other in shares), default=0) or 1
    return [
        {
            "item": row["item"],
            "rows": row["value"],
            "height": round(100 * one / most, 2),
            "before": None if other is None else round(100 * other / most, 2),
        }
        for row, (one, other) in zip(rows, shares, strict=True)
    ]


def _one(measures: Mapping[str, list[Row]], name: str, what: str = "value") -> Any:
    rows = measures.get(name)
    return rows[0][what] if rows else None


def _ratio(value: float | None, among: float | None) -> float | None:
    return None if value is None or not among else value / among


def _change(value: float, before: float | None) -> str:
    if not before:
        return "–"
    percent = round(100 * (value / before - 1), 1)
    return f"{percent:+.1f} %" if percent else "0.0 %"


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _number(value: float | str | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:,.4g}"


def _share(value: float | None) -> str:
    if value is None:
        return "–"
    return "0" if value == 0 else "<0.1 %" if value < 0.001 else f"{100 * value:.1f} %"
