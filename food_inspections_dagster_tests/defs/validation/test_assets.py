import dagster as dg
import numpy as np
import pytest

from food_inspections_dagster.catalog import (
    AUDITIONS,
    BACKTEST_SCORES,
    CROSS_VALIDATIONS,
    EVALUATIONS,
    EVALUATIONS_AT_K,
    FEATURE_MATRIX,
)
from food_inspections_dagster.defs.validation.assets import stages
from food_inspections_dagster.modeling.schemas import ANSWERS
from food_inspections_dagster.modeling.training import usable_rows
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH, OWN_WEEK, Window, trailing
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.defs.city import CITY


def test_a_week_is_judged_by_the_models_of_the_week_before():
    settings = load_settings()
    backtest, *_ = stages(settings)
    windows = {name: source.window for name, source in backtest.inputs.items()}
    assert windows.pop("feature_matrix") == OWN_WEEK
    assert set(windows) == {f"{name}_model" for name in settings.models.algorithms}
    assert set(windows.values()) == {Window(-1, -1)}


def test_periods_are_read_whole_and_auditions_look_at_all_that_was():
    _, evaluation, auditions, *_ = stages(load_settings({"validation": {"test_durations": [5, 26]}}))
    assert evaluation.inputs["backtest_scores"].window == evaluation.inputs["feature_matrix"].window == trailing(26)
    assert evaluation.units == [("evaluations", "evaluations_at_k")]
    assert auditions.inputs["evaluations"].window == HISTORY_THROUGH


def test_who_inspected_is_read_where_a_department_gives_it():
    names = [
        set(stages(load_settings({"sources": {"inspector_assignments": given}}))[1].inputs)
        for given in (("insp-0001",), None)
    ]
    assert names[0] - names[1] == set() or names[0] - names[1] == {"inspector_assignments"}
    assert "inspector_assignments" in names[0]


def test_surroundings_decide_scores_and_metrics_do_not():
    digests = [
        [output.settings_digest for stage in stages(load_settings(layer)) for output in stage.outputs.values()]
        for layer in (
            {},
            {"scores": {"surroundings_weight": 0.25}},
            {"validation": {"min_subset_rows": 7}},
            {"audition": {"distance": 0.5}},
        )
    ]
    differing = [[at for at in range(4) if one[at] != digests[0][at]] for one in digests]
    assert differing == [[], [0], [1, 2], [3]]


def test_folds_are_made_where_the_settings_ask_for_them():
    assert "cross_validations" not in {stage.name for stage in stages(load_settings())}
    settings = load_settings({"validation": {"folds": 2}, "models": {"schedule": {"training_window_weeks": 30}}})
    (folded,) = (stage for stage in stages(settings) if stage.name == "cross_validations")
    assert folded.inputs["feature_matrix"].window == trailing(30)


@pytest.fixture(scope="module")
def scores(stored_city):
    return stored_city.rows(BACKTEST_SCORES)


def test_every_visit_of_the_schedule_is_scored_by_every_group_for_both_labels(stored_city, scores):
    settings = stored_city.settings
    matrix = stored_city.rows(FEATURE_MATRIX)
    judged = matrix.iloc[usable_rows(matrix, settings.models.schedule)]
    newest = scores[scores["week"] == CITY[-1]]
    expected = set(judged.loc[judged["week"] == CITY[-1], "inspection_id"])
    assert len(expected) > 5
    by_model = {key: sorted(ids) for key, ids in newest.groupby(["label", "model_group"])["inspection_id"]}
    assert set(by_model) == {(label, group) for label in settings.models.labels for group in settings.models.algorithms}
    assert all(ids == sorted(expected) for ids in by_model.values())
    assert set(newest["in_cohort"]) == {True, False}, "whether or not the place was on the list"


def test_a_score_is_a_probability_and_its_outcome_is_what_the_inspection_ended_with(stored_city, scores):
    matrix = stored_city.rows(FEATURE_MATRIX).set_index("inspection_id")
    for label, of_label in scores.groupby("label"):
        outcome = matrix.loc[of_label["inspection_id"], label].to_numpy(dtype=bool)
        assert (of_label["outcome"].to_numpy(dtype=bool) == outcome).all()
    values = scores[list(ANSWERS)].to_numpy(dtype=float)
    assert ((values >= 0) & (values <= 1)).all()
    assert np.ptp(values[:, 0]) > 0.01 and (values[:, 0] != values[:, 1]).any(), "two answers, not one"


def test_what_is_scored_is_what_the_model_before_had_not_seen(stored_city, scores):
    for algorithm in stored_city.settings.models.algorithms:
        entry = stored_city.graph.output(f"{algorithm}_model").entry
        of_group = scores[scores["model_group"] == algorithm]
        for week in CITY[-3:]:
            before = stored_city.document(entry, week - WEEK)["models"]
            assert set(of_group.loc[of_group["week"] == week, "model_id"]) == {one["model_id"] for one in before}


def test_evaluations_are_of_the_weeks_that_end_a_period(stored_city):
    settings = stored_city.settings
    table, at_k = (stored_city.table(str(entry)) for entry in (EVALUATIONS, EVALUATIONS_AT_K))
    duration, update = settings.validation.test_durations[0], settings.models.schedule.update_weeks
    assert len(table) and len(at_k)
    for week in set(table["week"]):
        assert ((week - WEEK * duration) - settings.models.schedule.first_week).days // 7 % update == 0
    everybody = table[table["subset_kind"] == "all"]
    newest = everybody[everybody["week"] == everybody["week"].max()]
    assert len(newest) == len(settings.models.labels) * len(settings.models.algorithms) * len(ANSWERS)
    assert newest["roc_auc"].notna().all() and newest["rows"].nunique() == 1
    parts = table[(table["week"] == newest["week"].iloc[0]) & (table["subset_kind"] == "cohort")]
    sizes = parts.groupby(["label", "model_group", "score"])["rows"].sum()
    assert set(sizes) == set(newest["rows"]), "in and out of the cohort are everybody"
    keys = [name for name in EVALUATIONS.key if name not in ("subset_kind", "subset")]
    assert set(map(tuple, at_k[keys].to_numpy())) <= set(map(tuple, table[keys].to_numpy()))


def test_auditions_judge_what_was_chosen_before_the_period(stored_city):
    table = stored_city.table(str(AUDITIONS))
    assert len(table)
    assert (table["decided"] < table["week"]).all() and (table["regret"] >= 0).all()
    assert set(table["rule"]) == set(stored_city.settings.audition.rules)


def test_the_newest_week_shows_the_splits_reliability_and_metrics_over_time(stored_city):
    shown = {}
    for entry in (EVALUATIONS, AUDITIONS):
        newest = stored_city.instance.fetch_materializations(dg.AssetKey(entry.asset), limit=1).records[0]
        assert newest.partition_key == CITY[-1].isoformat()
        metadata = newest.asset_materialization.metadata
        shown |= {name: value.value for name, value in metadata.items() if "image/png" in str(value.value)}
    assert set(shown) == {"splits", "reliability", "metrics_over_time", "regret"}
    assert len(set(shown.values())) == 4


def test_each_group_is_folded_for_both_labels(stored_city):
    settings, table = stored_city.settings, stored_city.table(str(CROSS_VALIDATIONS))
    newest = table[table["week"] == table["week"].max()]
    expected = {
        (label, group, fold + 1)
        for label in settings.models.labels
        for group in settings.models.algorithms
        for fold in range(settings.validation.folds)
    }
    assert set(map(tuple, newest[["label", "model_group", "fold"]].to_numpy().tolist())) == expected
    for _, folds in newest.groupby(["label", "model_group"]):
        assert set(folds["rows"] + folds["training_rows"]) == {folds["rows"].sum()}
