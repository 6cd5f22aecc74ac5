from food_inspections_dagster.catalog import RAW_INSPECTIONS
from food_inspections_dagster.defs.ingestion.assets import on_the_portal
from food_inspections_dagster_tests.defs.city import CITY, small_city


def test_the_state_of_a_week_tells_each_kind_of_change(postgres, tmp_path):
    """Whatever is published, edited, moved or deleted: the weeks that it touches differ, and no other."""
    with small_city(tmp_path / "home", postgres, weeks=6, until=RAW_INSPECTIONS.asset) as world:
        weeks = CITY[:6]

        def touched(*rows):
            before = on_the_portal(world.portal, weeks[0], weeks[-1])
            world.publish(rows)
            after = on_the_portal(world.portal, weeks[0], weeks[-1])
            assert list(before) == list(after) == weeks
            return [week for week in weeks if before[week] != after[week]]

        first = {week: world.rows_of(week)[0]["inspection_id"] for week in weeks}
        assert touched({"inspection_id": first[weeks[1]], "results": "Fail"}) == [weeks[1]]
        assert touched({"inspection_id": first[weeks[2]], "inspection_date": f"{weeks[4]}T00:00:00.000"}) == [
            weeks[2],
            weeks[4],
        ]
        assert touched({"inspection_id": first[weeks[3]], ":deleted": True}) == [weeks[3]]
        new = {"inspection_id": "99000001", "inspection_date": f"{weeks[5]}T00:00:00.000", "results": "Pass"}
        assert touched(new) == [weeks[5]]
