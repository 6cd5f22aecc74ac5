from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard.places import establishment
from food_inspections_dagster_tests.serving.dashboard.pages import words


def test_a_place_tells_its_chance_its_reasons_and_its_history(reads, publication):
    everything = reads.rows(shared.LIST, week=publication.week, label="failed")
    row = next(row for row in everything if row["visits"] and row["reason_1"])
    text = words(establishment(reads, publication, row["establishment_id"]))
    assert row["reason_1"] in text and f"{row['expected_find']:.0%}" in text
    visits = reads.rows(
        shared.INSPECTIONS_OF, establishment_id=row["establishment_id"], week=publication.week, limit=100
    )
    assert f"Visits so far: {len(visits)}" in text
    cited = reads.rows(
        shared.VIOLATIONS_OF,
        weeks=[one["week"] for one in visits],
        inspection_ids=[one["inspection_id"] for one in visits],
    )
    assert all(one["title"] in text for one in cited)


def test_a_number_that_nobody_has_is_told(reads, publication):
    assert "No such place" in words(establishment(reads, publication, "L0'; --"))
