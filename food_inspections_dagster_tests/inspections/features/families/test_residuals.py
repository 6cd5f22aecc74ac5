"""Its surprises: all of them as they fade, and the last one."""

from hypothesis import given, settings

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster.inspections.features.families.residuals import EVER, FAMILY, VALUES
from food_inspections_dagster_tests.inspections.features import naive
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, MONDAYS, spine, tables


@settings(max_examples=15)
@given(naive.HISTORY)
def test_they_equal_a_naive_reading(records):
    clean = tables(records)
    beyond = naive.surprises(clean.inspections)
    wanted = []
    for place, day in naive.PAIRS:
        visits = naive.before(beyond[beyond["establishment_id"] == place], day)
        weight, row = naive.weights(visits, day, 540), {}
        for name in VALUES:
            row[f"beyond_{name}"] = (weight * naive.numbers(visits, f"beyond_{name}")).sum() / (weight.sum() + 2)
        for name in EVER:
            row[f"beyond_{name}_ever"] = naive.numbers(visits, f"beyond_{name}").sum() / (len(visits) + 3)
        row["beyond_failed_last"] = naive.numbers(visits, "beyond_failed")[-1] if len(visits) else 0.0
        wanted.append(row)
    assert {name for row in wanted for name in row} == {feature.name for feature in FAMILY.features}
    naive.assert_equal(FAMILY, clean, wanted)


def test_a_place_that_fails_where_all_do_is_no_surprise_and_one_that_fails_alone_is():
    def visits(others: str) -> list[dict]:
        places = [f"L{i}" for i in range(2, 8)]
        return [
            FAILED_CANVASS | {"week": week, "establishment_id": place, "results": "Fail" if place == "L1" else others}
            for week in MONDAYS[:6]
            for place in ("L1", *places)
        ]

    asked = spine([("L1", MONDAYS[8])])
    among_failing, alone = (compute_features(asked, tables(visits(of)))["beyond_failed"][0] for of in ("Fail", "Pass"))
    assert abs(among_failing) < 0.05 < 0.3 < alone


def test_a_stranger_is_as_expected():
    row = compute_features(spine([("L9", MONDAYS[3])]), tables([FAILED_CANVASS])).iloc[0]
    assert row[[feature.name for feature in FAMILY.features]].tolist() == [0.0] * len(FAMILY.features)
