"""The tables of `evaluate` and `ablate` on a small world, and what they are computed from."""

import re
from datetime import date, timedelta

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from food_inspections_dagster.catalog import FEATURE_MATRIX
from food_inspections_dagster.command_line.evaluate import Asked, Rows, ablate, evaluate, recipe_of
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.schemas import ANSWERS
from food_inspections_dagster.modeling.training import usable_rows
from food_inspections_dagster.recipes import inputs
from food_inspections_dagster_tests.world import WEEKS

SUNDAY = timedelta(days=6)
TRAIN, TEST = WEEKS[39] + SUNDAY, WEEKS[-1] + SUNDAY
LABEL = "critical_violation"


def asked(count=1, label=LABEL, train=TRAIN, test=TEST):
    return Asked.windows(train, test, count, label)


@pytest.fixture(scope="module")
def judged(made):
    """The inspections after TRAIN, by their own dates."""
    matrix = made.rows(FEATURE_MATRIX)
    usable = matrix.iloc[usable_rows(matrix, made.settings.models.schedule)]
    dates = usable["inspection_date"]
    return usable[(dates > TRAIN) & (dates <= TEST)]


def test_windows_lie_one_after_the_other_and_the_last_is_the_one_that_was_asked_for():
    three = Asked.windows(date(2014, 6, 30), date(2014, 8, 31), 3, LABEL).holdouts
    assert [(h.train_until, h.test_until) for h in three] == [
        (date(2014, 2, 26), date(2014, 4, 29)),
        (date(2014, 4, 29), date(2014, 6, 30)),
        (date(2014, 6, 30), date(2014, 8, 31)),
    ]
    with pytest.raises(FoodInspectionsError, match="The test ends on 2014-06-30, before it begins") as refusal:
        Asked.windows(date(2014, 6, 30), date(2014, 6, 30), 1, LABEL)
    assert "\n" not in str(refusal.value)


def test_every_group_and_answer_is_a_line_of_each_part(made, out, told, judged):
    evaluate(out, made.stored, made.settings, asked())
    positive = int(judged[LABEL].to_numpy(dtype=bool).sum())
    text = " ".join(told().split())
    assert f"{LABEL}: learnt until {TRAIN}, judged on {len(judged):,} inspections" in text
    assert f"until {TEST}, {positive:,} of them positive" in text
    assert f"{judged['establishment_id'].nunique():,} establishments" in text
    lines = [line.split() for line in told().splitlines()]
    tables = [line for line in lines if len(line) > 2 and line[0] in made.settings.models.algorithms]
    parts = sum(line[:2] == ["model", "group"] for line in lines)
    wanted = {(group, answer) for group in made.settings.models.algorithms for answer in ANSWERS}
    assert parts >= 2 and {(line[0], line[1]) for line in tables} == wanted
    assert len(tables) == parts * len(wanted)
    for at, line in enumerate(tables):
        auc, interval = line[2], line[3]
        # A part without positives has no AUC. All together have one, and an interval unless every score is the same, as
        # own_risk is where the baseline's one feature is about the surroundings.
        assert at >= len(wanted) or auc == "0.500" or "-" not in (auc, interval)
        if auc == "-":
            assert interval == "-"
            continue
        assert 0 <= float(auc) <= 1
        if interval != "-":
            low, high = map(float, interval.split("-"))
            assert low <= float(auc) + 0.001 and float(auc) <= high + 0.001
    assert max(map(len, told().splitlines())) <= 120
    sizes = [int(n.replace(",", "")) for n in re.findall(r"^\S.*: ([\d,]+) inspections$", told(), re.MULTILINE)]
    assert sum(sizes) == len(judged), "in and out of the cohort are everybody"


def test_what_it_prints_is_the_auc_of_models_that_knew_nothing_of_the_days(made, out, told, judged):
    request = asked()
    rows = Rows(made.stored, made.settings, request)
    recipe = recipe_of(made.settings, "baseline", LABEL)
    scores = rows.scores(request.holdouts[0], [recipe])
    assert sorted(scores["inspection_id"]) == sorted(judged["inspection_id"])
    outcome = judged.set_index("inspection_id").loc[scores["inspection_id"], LABEL].to_numpy(dtype=bool)
    assert (scores["outcome"].to_numpy(dtype=bool) == outcome).all()
    auc = roc_auc_score(outcome, scores["expected_find"].to_numpy(dtype=float))
    evaluate(out, made.stored, made.settings, request)
    line = next(line.split() for line in told().splitlines() if line.startswith("baseline") and "expected" in line)
    assert float(line[2]) == pytest.approx(auc, abs=0.0006)
    inspections = rows.inspections(scores)
    assert (inspections.label == outcome).all() and len(inspections.zip) == len(scores)
    assert len(np.unique(inspections.establishment)) == judged["establishment_id"].nunique()


def test_each_window_has_its_table(made, out, told):
    evaluate(out, made.stored, made.settings, asked(2, "failed", WEEKS[-3] + SUNDAY, WEEKS[-1] + SUNDAY))
    text = " ".join(told().split())
    assert [text.count(f"learnt until {week + SUNDAY}") for week in (WEEKS[-5], WEEKS[-3])] == [1, 1]


def test_ablate_says_what_each_family_is_worth_left_out_and_alone(made, out, told, judged):
    ablate(out, made.stored, made.settings, asked(), "baseline")
    lines = told().splitlines()
    assert f"{LABEL}, baseline: {len(judged):,} inspections in 1 test periods" in " ".join(told().split())
    of_family = {feature: family for family, feature in families(made.settings)}
    rows = [line for line in lines if " left out " in line or " alone " in line]
    assert len(rows) == 2 * len(set(of_family.values())) > 4
    for family in set(of_family.values()):
        left_out, alone = (line.split() for line in rows if line.split()[0] == family)
        assert left_out[1] == str(sum(of == family for of in of_family.values()))
        assert left_out[2:4] == ["left", "out"] and alone[1] == "alone"
    for line in rows:
        for value, low, high in re.findall(r"([+-][\d.]+) \(([+-][\d.]+) to ([+-][\d.]+)\)", line):
            assert float(low) <= float(value) <= float(high)
    # The baseline takes the one feature that ranks best: without the others' families it stays the same.
    assert sum(re.search(r"left out\s+\+0.0000", line) is not None for line in rows) == len(rows) // 2 - 1


def families(settings):
    from food_inspections_dagster.inspections.features import FEATURES

    names = {name for name, _ in inputs(settings)}
    return [(feature.family, feature.name) for feature in FEATURES if feature.name in names]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asked(train=WEEKS[-1] + SUNDAY, test=WEEKS[-1] + 60 * SUNDAY), "No inspection lies after"),
        (asked(train=WEEKS[1] + SUNDAY, test=WEEKS[3] + SUNDAY), "cannot learn critical_violation until"),
    ],
)
def test_days_on_which_nothing_can_be_learnt_or_judged_are_refused_in_one_sentence(made, out, request_, words):
    with pytest.raises(FoodInspectionsError, match=words) as refusal:
        evaluate(out, made.stored, made.settings, request_)
    assert "\n" not in str(refusal.value)


def test_a_group_that_is_none_is_refused_before_anything_is_read(made, out):
    with pytest.raises(FoodInspectionsError, match="'xgbost' is no model group: use xgboost"):
        ablate(out, None, made.settings, asked(), "xgbost")
    assert recipe_of(made.settings, "knn", "failed").labels == ("failed",)
