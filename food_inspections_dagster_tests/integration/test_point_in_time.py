"""No feature of any week changes when later records change."""

import pytest

from food_inspections_dagster_tests.world import WEEKS, World

CUT = WEEKS[-10]  # what is dated from here on is changed
UP_TO_FEATURES = ("raw_inspections", "inspections", "violations", "rejected_inspections", "feature_matrix")


@pytest.fixture(scope="module")
def made(world: World) -> World:
    world.make(WEEKS, "feature_matrix")
    return world


def test_features_do_not_know_what_is_edited_added_or_deleted_later(made):
    before = made.table("features.feature_matrix")
    later = [row for week in WEEKS[-10:] for row in made.rows_of(week)]
    assert len(later) > 200
    changes = []
    for number, row in enumerate(later):
        other = "Fail" if row["results"] != "Fail" else "Pass"
        if number % 3 == 0:
            worse = "1. SOURCE SOUND CONDITION, NO SPOILAGE, FOODS PROPERLY LABELED - Comments: all of it."
            changes.append({"inspection_id": row["inspection_id"], "results": other, "violations": worse})
        elif number % 3 == 1:
            changes.append({"inspection_id": row["inspection_id"], ":deleted": True})
        else:
            new = {name: value for name, value in row.items() if not name.startswith(":")}
            changes.append({**new, "inspection_id": str(99_000_000 + number), "results": other})
    made.publish(changes)

    made.remake(WEEKS[-10:], *UP_TO_FEATURES)
    made.remake(WEEKS, "feature_matrix")
    after = made.table("features.feature_matrix")
    past = before["week"] < CUT
    kept = after[after["week"] < CUT].reset_index(drop=True)
    assert kept.equals(before[past].reset_index(drop=True))
    hashes = made.database.query(
        "select asset, week, count(distinct content_hash) as contents, count(*) as loads "
        "from metadata.partition_loads where asset = 'feature_matrix' group by asset, week"
    )
    told = {row.week: row.contents for row in hashes.itertuples()}
    assert all(told[week] == 1 for week in WEEKS if week < CUT)
    assert all(told[week] > 1 for week in WEEKS if week >= CUT), "the later weeks did change"
