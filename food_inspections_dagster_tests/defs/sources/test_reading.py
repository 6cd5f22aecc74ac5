from collections.abc import Iterator
from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
import pytest
import requests

from food_inspections_dagster.defs.sources.reading import ABSENT, no_rows, read, states_of
from food_inspections_dagster.inspections.source import DATASET
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, week_range
from food_inspections_portal.city.surroundings import COMPLAINTS, CRIMES, LICENSES, REQUESTS, STATIONS
from food_inspections_portal.server import PortalServer
from food_inspections_portal.sources import PortalSource

GONE = "gone-0000"
WEEKS = week_range(FIRST_WEEK, FIRST_WEEK + 3 * WEEK)
A, B, C, D = WEEKS
BEFORE = FIRST_WEEK - timedelta(days=400)


def _at(day: date) -> str:
    return f"{day}T00:00:00.000"


def _published() -> list[pa.Table]:
    crimes = [(1, BEFORE, "BURGLARY"), (2, A, "BURGLARY"), (3, B, "THEFT"), (4, B, "BURGLARY"), (5, D, "BURGLARY")]
    licenses = [("1-old", BEFORE, "1006"), ("2-new", B, "1006"), ("3-other", B, "1011")]
    return [
        pa.table(
            {
                "id": [str(number) for number, _, _ in crimes],
                "case_number": ["HX1"] * 5,
                "iucr": ["0610"] * 5,
                "date": [_at(day) for _, day, _ in crimes],
                "primary_type": [kind for _, _, kind in crimes],
                "community_area": ["8"] * 5,
            }
        ),
        pa.table(
            {
                "id": [term for term, _, _ in licenses],
                "license_id": ["7"] * 3,
                "license_number": ["7"] * 3,
                "license_start_date": [_at(day) for _, day, _ in licenses],
                "license_code": [code for _, _, code in licenses],
            }
        ),
        pa.table({"district": ["1", "18"], "district_name": ["Central", "Near North"]}),
        pa.table(
            {
                "creation_date": [_at(A), _at(B)],
                "service_request_number": ["10-1", "10-2"],
                "type_of_service_request": ["Sanitation Code Violation"] * 2,
                "status": ["Open"] * 2,
            }
        ),
        pa.table(
            {
                "sr_number": ["SR1"],
                "sr_type": ["Sanitation Code Violation"],
                "created_date": [_at(B)],
                "legacy_record": ["false"],
                "status": ["Open"],
            }
        ),
    ]


@pytest.fixture
def server() -> Iterator[PortalServer]:
    with PortalServer(PortalSource.of_tables(*_published())) as running:
        yield running


@pytest.fixture
def portal(server: PortalServer) -> PortalClient:
    return PortalClient(url=server.url, dataset="4ijn-s7e5", retries=0, backoff_seconds=0.01, timeout_seconds=20)


def _nothing_stored() -> pd.DataFrame:
    raise AssertionError("what is stored was asked for, though every data set answers")


def _edit(server: PortalServer, dataset: str, **row: str) -> None:
    assert requests.post(f"{server.url}/resource/{dataset}.json", json=[row], timeout=60).ok


def test_each_data_set_is_asked_for_the_rows_that_count(portal: PortalClient) -> None:
    reading = read(SOURCES["crimes"], [CRIMES], portal, WEEKS, _nothing_stored)
    assert reading.rows["id"].tolist() == ["2", "4", "5"], "burglaries of these weeks, and no thefts"
    assert reading.rows["week"].tolist() == [A, B, D] and set(reading.rows[DATASET]) == {CRIMES}
    assert not {"case_number", "iucr"} & set(reading.rows), "columns that the source does not need"
    assert [state.split()[0] for state in reading.states.values()] == ["1", "1", "0", "1"]
    assert reading.faults == {}


def test_data_sets_with_other_columns_stand_side_by_side(portal: PortalClient) -> None:
    source = SOURCES["sanitation_complaints"]
    both = read(source, [COMPLAINTS, REQUESTS], portal, WEEKS, _nothing_stored)
    assert both.rows[DATASET].tolist() == [COMPLAINTS, COMPLAINTS, REQUESTS]
    assert both.rows["sr_number"].isna().tolist() == [True, True, False]
    counts = [[state.split()[0] for state in states.split("; ")] for states in both.states.values()]
    assert counts == [["1", "0"], ["1", "1"], ["0", "0"], ["0", "0"]]
    one = read(source, [COMPLAINTS], portal, WEEKS, _nothing_stored)
    assert set(one.rows[DATASET]) == {COMPLAINTS} and "sr_number" not in one.rows


def test_an_absent_data_set_leaves_its_stored_rows_and_the_other_one_as_they_are(portal: PortalClient) -> None:
    source = SOURCES["sanitation_complaints"]
    stored = read(source, [COMPLAINTS, REQUESTS], portal, WEEKS, _nothing_stored).rows
    stored[DATASET] = stored[DATASET].replace(REQUESTS, GONE)
    reading = read(source, [COMPLAINTS, GONE], portal, WEEKS, lambda: stored)
    assert reading.rows[[DATASET, "week"]].equals(stored[[DATASET, "week"]])
    assert list(reading.faults) == [GONE] and GONE in reading.faults[GONE]
    assert {state.split("; ")[1] for state in reading.states.values()} == {ABSENT}
    assert reading.states[A].startswith("1 ")


def test_a_source_that_was_never_there_has_no_rows(portal: PortalClient) -> None:
    reading = read(SOURCES["weather"], [GONE], portal, WEEKS, no_rows)
    assert reading.rows.empty and list(reading.rows) == list(no_rows())
    assert reading.states == dict.fromkeys(WEEKS, ABSENT) == states_of(SOURCES["weather"], [GONE], portal, D)


def test_renamed_columns_are_named_and_the_data_set_counts_as_absent(
    server: PortalServer, portal: PortalClient
) -> None:
    fault = {"kind": "changed_schema", "drop": ["primary_type"]}
    assert requests.post(f"{server.url}/control/faults", json=fault, timeout=60).ok
    reading = read(SOURCES["crimes"], [CRIMES], portal, WEEKS, no_rows)
    assert (
        "other columns in ijzp-q8t2 than crimes needs: it must have date, id, primary_type." in reading.faults[CRIMES]
    )
    assert set(reading.states.values()) == {ABSENT} and reading.rows.empty


def test_rows_of_before_the_calendar_lie_in_its_first_week_where_they_count(portal: PortalClient) -> None:
    licenses = read(SOURCES["business_licenses"], [LICENSES], portal, WEEKS, _nothing_stored)
    assert dict(zip(licenses.rows["id"], licenses.rows["week"], strict=True)) == {"1-old": A, "2-new": B}
    assert licenses.states[A].startswith("1 ") and licenses.states[B].startswith("1 ")
    later = read(SOURCES["business_licenses"], [LICENSES], portal, WEEKS[1:], _nothing_stored)
    assert later.rows["id"].tolist() == ["2-new"]


def test_rows_without_a_date_lie_in_the_first_week(portal: PortalClient) -> None:
    stations = read(SOURCES["police_stations"], [STATIONS], portal, WEEKS, _nothing_stored)
    assert sorted(stations.rows["district"]) == ["1", "18"] and set(stations.rows["week"]) == {A}
    assert [state.split()[0] for state in stations.states.values()] == ["2", "0", "0", "0"]
    assert read(SOURCES["police_stations"], [STATIONS], portal, [C, D], _nothing_stored).rows.empty


def test_states_before_and_at_the_reading_are_the_same_until_a_row_changes(
    server: PortalServer, portal: PortalClient
) -> None:
    source = SOURCES["crimes"]
    before = states_of(source, [CRIMES], portal, D)
    assert list(before) == WEEKS
    assert read(source, [CRIMES], portal, WEEKS, _nothing_stored).states == before
    assert read(source, [CRIMES], portal, [B, C], _nothing_stored).states == {B: before[B], C: before[C]}
    _edit(server, CRIMES, id="4", community_area="9")
    after = states_of(source, [CRIMES], portal, D)
    assert [week for week in WEEKS if before[week] != after[week]] == [B]


def test_a_row_that_changes_while_it_is_read_leaves_a_state_that_no_portal_has(
    server: PortalServer, portal: PortalClient
) -> None:
    source = SOURCES["crimes"]
    before = states_of(source, [CRIMES], portal, D)
    portal.listen(lambda *_: _edit(server, CRIMES, id="5", community_area="9"))
    reading = read(source, [CRIMES], portal, WEEKS, _nothing_stored)
    assert reading.states[D].startswith(f"{before[D]}, then 1 ")
    assert {week: reading.states[week] for week in (A, B, C)} == {week: before[week] for week in (A, B, C)}
    assert reading.states[D] != states_of(source, [CRIMES], portal, D)[D]
