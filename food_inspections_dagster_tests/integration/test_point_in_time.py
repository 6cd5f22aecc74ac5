"""No feature of any week changes when later records change."""

from food_inspections_dagster.catalog import FEATURE_MATRIX
from food_inspections_dagster_tests.world import WEEKS

CUT = WEEKS[-10]  # what is dated from here on is changed


def test_features_do_not_know_what_is_edited_added_or_deleted_later(world):
    world.make(WEEKS, FEATURE_MATRIX.asset)
    before, hashes = world.rows(FEATURE_MATRIX), world.hashes()
    later = [row for week in WEEKS[-10:] for row in world.rows_of(week)]
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
    world.publish(changes)

    # By hand, and all of it: the planner would rightly leave the earlier weeks alone.
    world.make(WEEKS, "inspections")
    world.remake(WEEKS, FEATURE_MATRIX.asset)
    after = world.rows(FEATURE_MATRIX)
    kept = after[after["week"] < CUT].reset_index(drop=True)
    assert kept.equals(before[before["week"] < CUT].reset_index(drop=True))
    features = {week: content for (asset, week), content in world.hashes().items() if asset == FEATURE_MATRIX.asset}
    changed = {week for week, content in features.items() if content != hashes[FEATURE_MATRIX.asset, week]}
    assert changed == {week for week in WEEKS if week >= CUT}, "the later weeks did change"
    loads = world.database.query(
        "select week, count(*) as loads from metadata.partition_loads where asset = 'feature_matrix' group by week"
    )
    assert set(loads["loads"]) == {2}
