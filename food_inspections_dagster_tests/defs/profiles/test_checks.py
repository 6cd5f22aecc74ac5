import pandas as pd
import pytest

from food_inspections_dagster.defs.profiles.checks import rules
from food_inspections_dagster.profiles.changes import Bounds
from food_inspections_dagster.profiles.report import render
from food_inspections_dagster_tests.defs.cases import Case
from food_inspections_dagster_tests.profiles.cases import NEWEST_RANGE, ROWS, WEEKS, profile_of

ADDS_UP, MISSING, DISTINCT, ROWS_AS_BEFORE, NOT_REPEATED, STANDS_ALONE = rules(
    ["violations"], Bounds(0.05, 2, 0.01, 50)
)
NEW = ROWS["week"].between(*NEWEST_RANGE)
LAST = WEEKS[-1:]


def changed(**columns):
    """The profile of rows of which those of the newest range hold other values."""
    rows = ROWS.copy()
    for name, values in columns.items():
        rows.loc[NEW, name] = values
    return {"data_profile": profile_of(rows)}


def added_up(profiled, stored):
    return {"data_profile": profile_of(profiled), "violations": stored}


AS_BEFORE = {"data_profile": profile_of(ROWS)}
LATER = pd.concat([ROWS, ROWS.tail(1).assign(week=WEEKS[-1].replace(day=24))], ignore_index=True).astype(ROWS.dtypes)
PAGE = render(WEEKS[-1], profile_of(ROWS), [], {}, False, 10)


def page(text):
    return {"data_profile_report": {WEEKS[-1]: text}}


CASES = [
    Case(STANDS_ALONE, "a page", page(PAGE), weeks=LAST),
    Case(STANDS_ALONE, "cut", page(PAGE[:-30]), tuple(LAST), "it has no end", LAST),
    Case(STANDS_ALONE, "a table less", page("<p></html>"), tuple(LAST), "it lacks violations", LAST),
    Case(STANDS_ALONE, "a script", page("<script>" + PAGE), tuple(LAST), "it holds <script", LAST),
    Case(ADDS_UP, "every row", added_up(ROWS, ROWS), weeks=LAST),
    Case(ADDS_UP, "rows of later weeks are not counted", added_up(LATER, LATER), weeks=LAST),
    Case(ADDS_UP, "a row less", added_up(ROWS[:-1], ROWS), tuple(LAST), "199.0 rows profiled, 200 are stored", LAST),
    Case(MISSING, "as before", AS_BEFORE, weeks=LAST),
    Case(
        MISSING, "no longer filled", changed(comment=None), tuple(LAST), "violations.comment: missing in 100.0%", LAST
    ),
    Case(MISSING, "what to do", changed(comment=None), tuple(LAST), "Look at data_profile_report", LAST),
    Case(DISTINCT, "as before", AS_BEFORE, weeks=LAST),
    Case(DISTINCT, "stuck", changed(comment="same"), tuple(LAST), "1 distinct values, before 7", LAST),
    Case(ROWS_AS_BEFORE, "as before", AS_BEFORE, weeks=LAST),
    Case(
        ROWS_AS_BEFORE,
        "dried up",
        {"data_profile": profile_of(ROWS[~NEW])},
        tuple(LAST),
        "violations: 0 rows, before 80",
        LAST,
    ),
    Case(NOT_REPEATED, "as before", AS_BEFORE, weeks=LAST),
    Case(NOT_REPEATED, "one number", changed(inspection_id=7), tuple(LAST), "79 of 80 rows have the key", LAST),
]
DAMAGES: list = []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()


def test_many_jumps_are_counted_and_the_first_are_named():
    judged = MISSING.apply(LAST, **changed(comment=None, severity=None, title=None, codebook=None))
    assert "and 1 more" in judged.description and dict(judged.verdict.metadata) == {"jumps": 4}
