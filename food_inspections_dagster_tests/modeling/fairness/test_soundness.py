import re
from datetime import date

import pandas as pd
import pytest

from food_inspections_dagster.modeling import schemas
from food_inspections_dagster.modeling.fairness.audits import audit_weeks, with_overall
from food_inspections_dagster.modeling.fairness.rows import UNKNOWN
from food_inspections_dagster.modeling.fairness.soundness import audited_rows, unmapped_weeks, unsound_weeks
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.weeks import WEEK, week_range
from food_inspections_dagster_tests.modeling.fairness.cases import WEEK_0, many_rows

ATTRIBUTES = ("facility_type", "side", "risk")
SPOILS = {
    "missing week": (lambda r, v, w: (r[r["week"] != w], v[v["week"] != w]), "counts nothing"),
    "missing attribute": (
        lambda r, v, w: tuple(t[(t["week"] != w) | (t["attribute"] != "side")] for t in (r, v)),
        "side: missing in the report",
    ),
    "missing in the report": (
        lambda r, v, w: (r[(r["week"] != w) | (r["attribute"] != "risk")], v),
        "risk: missing in the report",
    ),
    "missing in the verdicts": (
        lambda r, v, w: (r, v[(v["week"] != w) | (v["attribute"] != "risk")]),
        "risk: missing in the verdicts",
    ),
    "missing group": (
        lambda r, v, w: tuple(t[(t["week"] != w) | (t["group"] != "South")] for t in (r, v)),
        "the groups of side add up to",
    ),
    "missing group of the report": (
        lambda r, v, w: (r[(r["week"] != w) | (r["group"] != "South")], v),
        "report and verdicts|lacks metrics",
    ),
    "missing metric": (
        lambda r, v, w: (r[(r["week"] != w) | (r["metric"] != "tnr")], v),
        "lacks metrics",
    ),
    "another size": (
        lambda r, v, w: (r.assign(group_size=r["group_size"].where(r["week"] != w, r["group_size"] + 1)), v),
        "disagree",
    ),
    "another verdict": (
        lambda r, v, w: (r, v.assign(verdict=v["verdict"].where(v["week"] != w, schemas.TOO_SMALL))),
        "report and verdicts disagree",
    ),
    "another model": (
        lambda r, v, w: (r.assign(model_group=r["model_group"].where(r["week"] != w, "c")), v),
        "the report is on c",
    ),
}


@pytest.fixture(scope="module")
def audited() -> tuple[pd.DataFrame, pd.DataFrame, dict[date, str | None], dict[date, int]]:
    rows = many_rows()
    rule = AuditRule(evaluation_weeks=8, min_group_size=10)
    weeks = week_range(WEEK_0, WEEK_0 + WEEK * 12)
    selected: dict[date, str | None] = {w: ("a", "b", None)[i % 3] for i, w in enumerate(weeks)}
    report = audit_weeks(rows, rule, selected)
    return report.table, with_overall(report), selected, audited_rows(rows, selected, 8)


def test_a_sound_audit_has_no_unsound_week(
    audited: tuple[pd.DataFrame, pd.DataFrame, dict[date, str | None], dict[date, int]],
) -> None:
    report, verdicts, selected, rows = audited
    assert rows[WEEK_0] == 60 and rows[WEEK_0 + WEEK * 12] == 480 and rows[WEEK_0 + WEEK * 2] == 0
    assert unsound_weeks(report, verdicts, selected, ATTRIBUTES, rows) == {}


@pytest.mark.parametrize("spoil", list(SPOILS))
def test_what_does_not_add_up_is_named(
    audited: tuple[pd.DataFrame, pd.DataFrame, dict[date, str | None], dict[date, int]], spoil: str
) -> None:
    report, verdicts, selected, rows = audited
    week = WEEK_0 + WEEK * 9
    change, words = SPOILS[spoil]
    failing = unsound_weeks(*change(report, verdicts, week), selected, ATTRIBUTES, rows)
    assert list(failing) == [week] and re.search(words, failing[week])


def test_fewer_rows_than_were_to_be_audited_and_foreign_weeks_fail(
    audited: tuple[pd.DataFrame, pd.DataFrame, dict[date, str | None], dict[date, int]],
) -> None:
    report, verdicts, selected, rows = audited
    week = WEEK_0 + WEEK * 9
    failing = unsound_weeks(report, verdicts, selected, ATTRIBUTES, {**rows, week: rows[week] + 1})
    assert list(failing) == [week] and "481 rows were to be audited" in failing[week]
    fewer = {w: g for w, g in selected.items() if w != week}
    assert list(unsound_weeks(report, verdicts, fewer, ATTRIBUTES, rows)) == [week]
    # Where nothing was selected, nothing may be reported.
    none = {**selected, week: None}
    assert list(unsound_weeks(report, verdicts, none, ATTRIBUTES, rows)) == [week]


def test_every_group_of_the_rows_is_in_the_report() -> None:
    rows = many_rows()
    rule = AuditRule(evaluation_weeks=8, min_group_size=10)
    weeks = week_range(WEEK_0, WEEK_0 + WEEK * 12)
    selected: dict[date, str | None] = {w: ("a", "b", None)[i % 3] for i, w in enumerate(weeks)}
    report = audit_weeks(rows, rule, selected).table
    assert unmapped_weeks(report, rows, selected, rule) == {}
    week = weeks[9]
    gone = report[(report["week"] != week) | (report["group"] != "South")]
    words = {week: "side: South in the rows or in the report only"}
    assert unmapped_weeks(gone, rows, selected, rule) == words
    other = report.assign(group=report["group"].where(report["week"] != week, report["group"].replace("South", "S")))
    assert unmapped_weeks(other, rows, selected, rule)[week].startswith("side: S, South in the rows or in")
    more = report.assign(group_size=report["group_size"].where(report["week"] != week, report["group_size"] + 1))
    assert re.match(
        r"facility_type Restaurant: \d+ rows, and \d+ in the report", only_words(more, rows, selected, rule)
    )


def test_too_many_rows_without_a_group_are_named() -> None:
    rows = many_rows()
    weeks = week_range(WEEK_0, WEEK_0 + WEEK * 19)
    # Since a week a source is gone.
    late = rows["a"]["week"] == weeks[-1]
    rows["a"]["side"] = rows["a"]["side"].where(~late, UNKNOWN)
    selected: dict[date, str | None] = dict.fromkeys(weeks, "a")
    for share, failing in ((0.125, []), (0.12, weeks[-1:])):
        rule = AuditRule(evaluation_weeks=8, max_unknown_share=share)
        report = audit_weeks(rows, rule, selected).table
        unmapped = unmapped_weeks(report, rows, selected, rule)
        assert list(unmapped) == failing
    assert unmapped[weeks[-1]].startswith("side: 60 of 480 rows have no group, more than 12%: look whether")


def only_words(
    report: pd.DataFrame, rows: dict[str, pd.DataFrame], selected: dict[date, str | None], rule: AuditRule
) -> str:
    (words,) = unmapped_weeks(report, rows, selected, rule).values()
    return words
