import pytest

from food_inspections_dagster.catalog import CLEAN_SOURCES, RAW_SOURCES
from food_inspections_dagster.defs.sources.checks import clean_rules, raw_rules
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster.weeks import WEEK, week_range
from food_inspections_dagster_tests.defs.cases import A, B, C, Case, frame

UNREAD = {"abcd-1234": "https://portal.example has no dataset abcd-1234."}
LONG = week_range(C - 9 * WEEK, C)


def of_source(name):
    """Return the cases of one source: all sources have the same rules."""
    source, raw = SOURCES[name], RAW_SOURCES[name]
    answers, *fresh = raw_rules(source, raw)
    (dropped,) = clean_rules(CLEAN_SOURCES[name])
    yield Case(answers, f"{name} answers", {"unread": {}})
    yield Case(answers, f"{name} is gone", {"unread": UNREAD}, (C,), "has no dataset abcd-1234")
    for rule in fresh:
        rows = {raw.asset: frame(week=[LONG[0], C])}
        late = {raw.asset: frame(week=[LONG[0], LONG[1]])}
        yield Case(rule, f"{name} goes to the end", {"unread": {}, **rows}, weeks=LONG)
        yield Case(rule, f"{name} stands still", {"unread": {}, **late}, (C,), str(LONG[1]), weeks=LONG)
        yield Case(rule, f"{name} was not read", {"unread": UNREAD, **late}, weeks=LONG)
        yield Case(rule, f"{name} has no rows at all", {"unread": {}, raw.asset: frame(week=[C])[:0]}, (C,), weeks=LONG)
    yield Case(dropped, f"{name} is whole", {"raw": frame(week=[A, B]), "dropped": {}})
    yield Case(dropped, f"{name} lacks one of 200", {"raw": frame(week=[A] * 200), "dropped": {"no usable id": 1}})
    yield Case(
        dropped,
        f"{name} lacks one of two",
        {"raw": frame(week=[A, B]), "dropped": {"no usable id": 1}},
        (C,),
        "1 of 2 rows are left out (50.00%): 1 with no usable id.",
    )


CASES = [case for name in SOURCES for case in of_source(name)]
DAMAGES: list = []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()
