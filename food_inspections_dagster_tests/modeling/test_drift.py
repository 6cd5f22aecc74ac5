import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.modeling.drift import drift
from food_inspections_dagster.modeling.rules import MonitoringRule
from food_inspections_dagster.modeling.schemas import DRIFT, DRIFTED, STABLE, TOO_FEW
from food_inspections_dagster.weeks import WEEK, week_range
from food_inspections_dagster_tests.modeling.conftest import FIRST
from food_inspections_dagster_tests.modeling.production_cases import FEATURES, decisions_of, production_of, scores_of

RULE = MonitoringRule(window_weeks=8, drift_bins=10, min_rows=100)
WEEKS = week_range(FIRST, FIRST + 59 * WEEK)
ANCHORS = {FIRST + 12 * WEEK: "baseline", FIRST + 25 * WEEK: "ridge"}
DECIDED = FIRST + 25 * WEEK
SHIFT, LATE = FIRST + 40 * WEEK, FIRST + 55 * WEEK


def made_of(rows, schedule, weeks=WEEKS, scores=None, rule=RULE):
    decisions = decisions_of(WEEKS, schedule, ANCHORS)
    return drift(production_of(rows, schedule, decisions, scores), weeks, rule, schedule)


@pytest.fixture(scope="module")
def table(rows, schedule):
    return made_of(rows, schedule)


def row_of(table, week, name):
    (row,) = table[(table["week"] == week) & (table["name"] == name)].to_dict("records")
    return row


def between(rows, first, last):
    days = frames.days(rows["week"])
    return rows[(days >= np.datetime64(first)) & (days <= np.datetime64(last))]


def changed_from(rows, week, **columns):
    """Return the rows with other values from a week on; a value may be a function of the old ones."""
    later = frames.days(rows["week"]) >= np.datetime64(week)
    out = rows.copy()
    for name, value in columns.items():
        values = rows[name].to_numpy(dtype=object, na_value=None)
        values[later] = value(values[later]) if callable(value) else value
        out[name] = pd.Series(values, out.index).astype(rows.dtypes[name])
    return out


def test_it_keeps_its_schema_and_looks_at_scores_and_features(table):
    assert len(schemas.validated(DRIFT, table))
    newest = table[table["week"] == LATE]
    assert set(zip(newest["kind"], newest["name"], strict=True)) == {
        *(("feature", name) for name, _ in FEATURES),
        ("score", "critical_violation"),
        ("score", "failed"),
    }
    assert min(table["week"]) == FIRST + 13 * WEEK


def test_indexes_are_those_of_histograms_over_the_deciles_of_the_reference(table, rows):
    row = row_of(table, LATE, "rate")
    reference = between(rows, DECIDED - 25 * WEEK, DECIDED)["rate"].to_numpy(dtype=float)
    current = between(rows, LATE - 7 * WEEK, LATE)["rate"].to_numpy(dtype=float)
    edges = np.unique(np.quantile(reference, np.arange(1, 10) / 10, method="inverted_cdf"))
    ends = [-np.inf, *np.nextafter(edges, np.inf), np.inf]
    was, now = (np.append(np.histogram(values, ends)[0], 0) + 0.5 for values in (reference, current))
    p, q = now / now.sum(), was / was.sum()
    assert row["psi"] == pytest.approx(((p - q) * np.log(p / q)).sum())
    assert row["js_distance"] == pytest.approx(jensenshannon(p, q, base=2))
    assert (row["rows"], row["reference_rows"], row["bins"]) == (len(current), len(reference), 11)
    assert (row["mean"], row["reference_mean"]) == pytest.approx((current.mean(), reference.mean()))
    assert (row["reference_first"], row["reference_last"]) == (DECIDED - 25 * WEEK, DECIDED)


def test_where_nothing_moves_nothing_drifts_and_chance_is_seldom_exceeded(table):

    assert set(table["verdict"]) == {STABLE}
    later = table[(table["week"] > DECIDED + 8 * WEEK) & (table["kind"] == "feature")]
    assert (later["psi"] > later["psi_by_chance"]).mean() < 0.2
    assert (later["psi_by_chance"] < 0.2).all()


def test_numbers_that_move_are_drift_as_soon_as_they_fill_the_window(rows, schedule, table):
    moved = made_of(changed_from(rows, SHIFT, rate=lambda values: np.clip(values + 0.3, 0, 1)), schedule)
    row = row_of(moved, LATE, "rate")
    assert row["verdict"] == DRIFTED and row["psi"] > 1 and row["mean"] - row["reference_mean"] > 0.2
    assert row_of(moved, SHIFT - WEEK, "rate") == row_of(table, SHIFT - WEEK, "rate")
    assert row_of(moved, LATE, "failed")["verdict"] == DRIFTED, "the scores follow the rate"
    assert row_of(moved, LATE, "sparse") == row_of(table, LATE, "sparse")


def test_what_becomes_unknown_is_drift(rows, schedule):
    row = row_of(made_of(changed_from(rows, SHIFT, sparse=None), schedule), LATE, "sparse")
    assert row["verdict"] == DRIFTED
    assert row["unknown_share"] == 1 and row["reference_unknown_share"] == pytest.approx(0.4, abs=0.05)
    assert pd.isna(row["mean"])


@pytest.mark.parametrize("kind", ["School", "Food Truck"])
def test_categories_that_move_are_drift_whether_they_were_known_or_not(rows, schedule, kind):
    row = row_of(made_of(changed_from(rows, SHIFT, kind=kind), schedule), LATE, "kind")
    assert row["verdict"] == DRIFTED and pd.isna(row["mean"])


def test_what_a_window_of_the_reference_was_like_is_no_drift(rows, schedule):
    """A season: models have learnt from one before."""

    def raised(values):
        return np.clip(values + 0.3, 0, 1)

    summer = between(rows, DECIDED - 7 * WEEK, DECIDED).index  # windows are counted back from its last week
    twice = changed_from(rows, SHIFT, rate=raised)
    values = twice["rate"].to_numpy(dtype=float)
    values[rows.index.get_indexer(summer)] = raised(values[rows.index.get_indexer(summer)] + 0.1)
    twice["rate"] = pd.Series(values, twice.index).astype(rows.dtypes["rate"])
    once, again = (
        row_of(made_of(of, schedule), LATE, "rate") for of in (changed_from(rows, SHIFT, rate=raised), twice)
    )
    assert once["verdict"] == DRIFTED and once["psi_before"] < 0.2
    assert again["verdict"] == STABLE and again["psi_before"] > again["psi"] > 0.2


def test_few_rows_are_not_judged_and_few_windows_have_no_before(rows, schedule):
    few = made_of(rows.groupby("week").head(10), schedule)
    assert set(few["verdict"]) == {TOO_FEW}
    longer = made_of(rows, schedule, [LATE], rule=MonitoringRule(window_weeks=20, min_rows=100))
    assert longer["psi_before"].isna().all() and set(longer["verdict"]) == {STABLE}


def test_a_silent_window_has_no_index(rows, schedule):
    made = made_of(rows[rows["week"] <= FIRST + 30 * WEEK], schedule, [LATE])
    assert len(schemas.validated(DRIFT, made)) == 5
    assert made[["psi", "js_distance", "psi_by_chance"]].isna().all(axis=None) and set(made["verdict"]) == {TOO_FEW}


def test_nothing_in_a_week_changes_when_later_weeks_do(table, rows, schedule):
    until = FIRST + 40 * WEEK
    other = changed_from(rows, until + WEEK, rate=0.9, sparse=None, kind="A Kind That Comes First")
    scores = scores_of(rows)
    after = frames.days(scores["week"]) > np.datetime64(until)
    scores["expected_find"] = pd.Series(
        np.where(after, 0.9, scores["expected_find"].to_numpy(dtype=float)), scores.index
    ).astype(scores.dtypes["expected_find"])
    changed = made_of(other, schedule, scores=scores)

    def before(frame):
        return frame[frame["week"] <= until].reset_index(drop=True)

    pd.testing.assert_frame_equal(before(changed), before(table), check_exact=True)
    assert not changed.equals(table)


@pytest.mark.parametrize("week", [FIRST + 13 * WEEK, FIRST + 26 * WEEK, LATE])
def test_a_week_alone_has_the_bits_that_it_has_among_others(table, rows, schedule, week):
    alone = made_of(between(rows, week - 55 * WEEK, week), schedule, [week])
    pd.testing.assert_frame_equal(alone, table[table["week"] == week].reset_index(drop=True), check_exact=True)


def test_without_a_choice_there_are_no_rows(rows, schedule):
    assert len(made_of(rows, schedule, WEEKS[:10])) == 0
