import re

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from food_inspections_dagster.inspections import vocabulary as v

TEXTS = st.lists(st.none() | st.text(max_size=20), max_size=12)


@pytest.mark.parametrize(
    ("raw", "expected", "match"),
    [
        ("Restaurant", "Restaurant", "exact"),
        ("  grocery   store ", "Grocery Store", "exact"),
        ("Daycare (2 - 6 Years)", "Daycare", "exact"),
        ("1023 CHILDERN'S SERVICE S FACILITY", "Children's Services Facility", "rule"),
        ("GROCERY STORE/ RESTAURANT", "Grocery/Restaurant", "rule"),
        ("GAS STATION /GROCERY", "Gas Station", "rule"),
        ("PUBLIC SHCOOL", "School", "rule"),
        ("COMMISSARY FOR SOFT SERVE ICE CREAM TRUCKS", "Mobile Food", "rule"),
        ("HERBALIFE/ZUMBA", "Drug Store", "rule"),
        ("RESTUARANT AND BAR", "Restaurant", "rule"),
        ("BAR", "Tavern", "rule"),
        ("1005", "Other", "exact"),
        (None, "Unknown", "exact"),
        (" ", "Unknown", "exact"),
        ("XYZZY", "Other", "unmatched"),
    ],
)
def test_facility_types(raw, expected, match):
    table = v.normalise_facility_types([raw])
    assert (table["facility_type"][0].as_py(), table["match"][0].as_py()) == (expected, match)


@pytest.mark.parametrize(
    ("raw", "expected", "again"),
    [
        ("Canvass", "Canvass", False),
        ("CANVAS", "Canvass", False),
        ("Canvass Re-Inspection", "Canvass", True),
        ("Complaint-Fire Re-inspection", "Fire Complaint", True),
        ("Short Form Fire-Complaint", "Fire Complaint", False),
        ("1315 license reinspection", "License", True),
        ("license task 1474", "Task Force", False),
        ("Pre-License Consultation", "Consultation", False),
        ("SFP RECENTLY INSPECTED", "Recent Inspection", False),
        ("TWO PEOPLE ATE AND GOT SICK.", "Suspected Food Poisoning", False),
        ("Special Events (Festivals)", "Special Event", False),
        ("LICENSE CANCELED BY OWNER", "Administrative", False),
        ("no entry", "No Entry", False),
        (None, "Unknown", False),
        ("XYZZY", "Other", False),
    ],
)
def test_inspection_types(raw, expected, again):
    table = v.normalise_inspection_types([raw])
    assert (table["inspection_type"][0].as_py(), table["is_reinspection"][0].as_py()) == (expected, again)


@given(TEXTS)
def test_any_text_gets_a_word_of_the_vocabulary_and_nothing_is_unmatched_in_silence(texts):
    table = v.normalise_facility_types(texts)
    assert set(table["facility_type"].to_pylist()) <= set(v.FACILITY_TYPES)
    unmatched = [t for t, m in zip(texts, table["match"].to_pylist(), strict=True) if m == "unmatched"]
    reported = v.unmatched_facility_types(texts)
    assert reported["rows"].sum() == len(unmatched)
    assert set(reported["value"]) == set(unmatched)


@given(TEXTS)
@example(["A 0\rA"])  # once left two blanks in a city's name
def test_a_normalised_value_normalises_to_itself(texts):
    for normalise, name in (
        (v.normalise_facility_types, "facility_type"),
        (v.normalise_inspection_types, "inspection_type"),
    ):
        once = normalise(texts)[name]
        assert normalise(once)[name].equals(once)
    for simple in (v.normalise_results, v.normalise_cities, v.normalise_zips):
        once = simple(texts)
        assert simple(once).equals(once)


def test_unmatched_values_are_listed_by_column_and_frequency():
    frame = pa.table(
        {
            "facility_type_raw": ["QQ", "ZZ", "QQ", "Restaurant"],
            "inspection_type_raw": ["Canvass", "WW", None, "Canvass"],
        }
    ).to_pandas()
    found = v.unmatched_values(frame)
    assert found.values.tolist() == [
        ["facility_type", "QQ", 2],
        ["facility_type", "ZZ", 1],
        ["inspection_type", "WW", 1],
    ]


def test_results_risk_city_zip():
    results = ["PASS", "pass w/conditions", "business not located", "?", None]
    assert v.normalise_results(results).to_pylist() == [
        "Pass", "Pass w/ Conditions", "Business Not Located", None, None,
    ]  # fmt: skip
    assert v.normalise_risks(["Risk 1 (High)", "Risk 3 (Low)", "All", None, "Risk 12"]).to_pylist() == [
        1, 3, None, None, None,
    ]  # fmt: skip
    chicago = [
        "CHICAGO",
        "chicago",
        "CCHICAGO",
        "CHCHICAGO",
        "CHICAGOO",
        "312CHICAGO",
        "CHICAGOCHICAGO",
        "CHICAGO.",
    ]
    assert set(v.normalise_cities(chicago).to_pylist()) == {"CHICAGO"}
    others = ["CHICAGO HEIGHTS", "Evanston ", "OOLYMPIA FIELDS", "CHESTNUT STREET", None]
    assert v.normalise_cities(others).to_pylist() == [
        "CHICAGO HEIGHTS",
        "EVANSTON",
        "OLYMPIA FIELDS",
        None,
        None,
    ]
    assert v.normalise_zips(["60614", "60614-1234", "60614.0", "6061", "ABCDE", None]).to_pylist() == [
        "60614", "60614", "60614", None, None, None,
    ]  # fmt: skip


def test_coordinates_outside_the_city_are_null_together():
    latitude, longitude = v.normalise_coordinates(
        ["41.9", "41.9", "0", "nan", None, "41.9"], ["-87.65", "-88.9", "-87.65", "-87.65", "-87.65", "1e3"]
    )
    assert latitude.to_pylist() == [41.9, None, None, None, None, None]
    assert longitude.to_pylist() == [-87.65, None, None, None, None, None]


def test_every_spelling_of_the_real_files_is_matched(real_raw, shared_data):
    for name in ("inspections_2011_2014", "inspections_full_text"):
        raw = real_raw(name)
        assert v.unmatched_facility_types(raw["facility_type"]).empty
        assert v.unmatched_inspection_types(raw["inspection_type"]).empty
        assert v.normalise_results(raw["results"]).null_count == 0
    facts = (shared_data / "FACTS.md").read_text()
    odd = re.findall(r"`([^`]+)`", facts.split("More odd facility types")[1].split("\n")[0])
    listed = [
        line.split("|")[1].strip() for line in facts.split("| facility_type |")[1].split("\n\n")[0].split("\n")[2:]
    ]
    assert len(odd) > 50 and len(listed) == 31
    assert v.unmatched_facility_types([*odd, *listed, "Grocery & Restaurant"])["value"].tolist() == ["(null)"]
    types = re.findall(r"'([^']+)'", facts.split("50 spellings of purpose")[1].split("\n")[0])
    assert len(types) == 30
    assert v.unmatched_inspection_types(types).empty
