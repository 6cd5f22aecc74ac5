import pytest

from food_inspections_dagster.catalog import INSPECTIONS
from food_inspections_dagster.defs.cleaning.checks import counts_match, rejected_share, row_conservation, vocabulary
from food_inspections_dagster_tests.defs.cases import WEEKS, A, B, C, Case, Damage, frame, table_changed
from food_inspections_dagster_tests.defs.city import CITY

MIDDLE, LAST = CITY[len(CITY) // 2], CITY[-1]


def conserved(raw, clean, rejected):
    names = ("raw_inspections", "inspections", "rejected_inspections")
    return {
        name: frame(week=weeks or [A]).iloc[: len(weeks)]
        for name, weeks in zip(names, (raw, clean, rejected), strict=True)
    }


def spelled(*facility_types):
    weeks = [WEEKS[number % 3] for number in range(len(facility_types))]
    return {"inspections": frame(week=weeks, facility_type_raw=list(facility_types), inspection_type_raw="Canvass")}


def counted(counts, cited):
    """Inspections 1 to n of week B with what they count, and the inspections that violations were parsed from."""
    inspections = frame(week=B, inspection_id=list(range(1, len(counts) + 1)), violation_count=counts)
    return {"inspections": inspections, "violations": frame(week=B, inspection_id=cited or [0]).iloc[: len(cited)]}


def rejected(number, of):
    rows = frame(week=[B] * max(1, number), reason="unknown_result").iloc[:number]
    return {"raw_inspections": frame(week=[A] * of + [B] * of), "rejected_inspections": rows}


CASES = [
    Case(row_conservation, "clean or rejected", conserved([A, B, B], [A, B], [B])),
    Case(row_conservation, "a row was lost", conserved([A, B, B], [A, B], []), (B,), "2 raw, 1 clean, 0 rejected"),
    Case(row_conservation, "a row was made up", conserved([A], [A], [C]), (C,)),
    Case(row_conservation, "lost here and made up there", conserved([A, B], [A, C], []), (B, C)),
    Case(vocabulary, "known words", spelled("Restaurant", "Grocery Store", None)),
    Case(vocabulary, "one in a hundred is unknown", spelled(*["Restaurant"] * 99, "Zzyzx")),
    Case(vocabulary, "three in a hundred are", spelled(*["Restaurant"] * 97, *["Zzyzx"] * 3), (C,), "Zzyzx"),
    Case(counts_match, "as many as were parsed", counted([2, 0], [1, 1])),
    Case(counts_match, "a violation was lost", counted([2, 1], [1, 2]), (B,), "1 inspections"),
    Case(counts_match, "of no inspection", counted([1], [1, 7]), (B,)),
    Case(counts_match, "counted without a row", counted([1, 1], []), (B,), "2 inspections"),
    Case(rejected_share, "few", rejected(2, of=20)),
    Case(rejected_share, "none", rejected(0, of=20)),
    Case(rejected_share, "many of a small week", rejected(3, of=20), (B,), "3 of 20"),
    Case(rejected_share, "one in a hundred", rejected(5, of=500)),
    Case(rejected_share, "more", rejected(6, of=500), (B,), "unknown_result"),
]


def same_id(world):
    """The first inspection of the last week gets the number of the first of the middle week."""
    smallest = "(select min(inspection_id) from clean.inspections where week = %(week)s)"
    return table_changed(
        world,
        "clean.inspections",
        f"update clean.inspections set inspection_id = {smallest} where week = %(last)s "  # noqa: S608
        f"and inspection_id = {smallest.replace('week)s', 'last)s')}",
        week=MIDDLE,
        last=LAST,
    )


DAMAGES = [Damage(INSPECTIONS.asset, "unique_ids", same_id, (MIDDLE, LAST))]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_rule_of_the_store(stored_city, damage):
    damage.hold(stored_city)


def test_an_id_in_two_weeks_is_named_with_both_whichever_was_loaded(stored_city):
    """A row that moved far: the week that was loaded names the one that still has it."""
    with same_id(stored_city):
        for loaded in (MIDDLE, LAST):
            judged = stored_city.check(INSPECTIONS.asset, "unique_ids", [loaded])
            assert judged.metadata["failing"].value == f"{MIDDLE}, {LAST}"
        assert stored_city.check(INSPECTIONS.asset, "unique_ids", CITY[:3]).passed, "of other weeks"
