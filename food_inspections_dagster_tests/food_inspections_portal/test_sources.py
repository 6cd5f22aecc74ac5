import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import requests

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_portal.server import PortalServer
from food_inspections_portal.sources import INSPECTIONS, PortalSource

ROWS = pa.table(
    {
        "inspection_id": ["3", "1", "3"],
        "inspection_date": ["2012-01-05T00:00:00.000", "2012-01-06T00:00:00.000", "2012-01-05T00:00:00.000"],
        "results": ["Pass", None, "Pass"],
        "zip": ["60601", "06060", None],
        "x_note": ["a", "b", "c"],
    }
)


def served(source: PortalSource, dataset: str = INSPECTIONS) -> list[dict[str, str]]:
    with PortalServer(source) as server:
        return requests.get(
            f"{server.url}/resource/{dataset}.json", params={"$select": ":*,*", "$limit": "50000"}, timeout=10
        ).json()


def test_a_parquet_file_gets_system_fields_and_loses_what_is_not_the_portals(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(ROWS, path)
    received = served(PortalSource.files(path))
    assert len(received) == 3
    assert len({row[":id"] for row in received}) == 3, "repeated rows have ids of their own"
    assert all("x_note" not in row for row in received)
    assert {row["inspection_date"]: row[":updated_at"] for row in received} == {
        "2012-01-05T00:00:00.000": "2012-01-06T00:00:00.000Z",
        "2012-01-06T00:00:00.000": "2012-01-07T00:00:00.000Z",
    }
    again = served(PortalSource.files(path))
    assert sorted(row[":id"] for row in again) == sorted(row[":id"] for row in received)


def test_a_csv_export_of_the_portal_is_read_as_text_with_its_own_headers(tmp_path):
    path = tmp_path / "Food_Inspections.csv"
    path.write_text(
        "Inspection ID,DBA Name,License #,Inspection Date,Results,Zip,Violations,"
        "Latitude,Longitude,Location\n"
        '7,CAFE,0012,03/04/2015,Fail,00601,"1. A\n2. B",41.9,-87.6,"(41.9, -87.6)"\n'
        "8,BAR,,13/45/2015,Pass,60601,,,,\n"
    )
    first, second = sorted(served(PortalSource.files(path)), key=lambda row: row["inspection_id"])
    assert first["license_"] == "0012" and first["zip"] == "00601" and first["violations"] == "1. A\n2. B"
    assert first["inspection_date"] == "2015-03-04T00:00:00.000"
    assert first["location"]["longitude"] == "-87.6"
    assert second["inspection_date"] == "13/45/2015", "what is no date stays for cleaning to reject"
    assert "location" not in second and "license_" not in second


def test_typed_columns_become_the_portals_text(tmp_path):
    path = tmp_path / "typed.parquet"
    pq.write_table(
        pa.table(
            {
                "inspection_id": pa.array([5], pa.int64()),
                "inspection_date": pa.array([datetime.date(2014, 2, 3)]),
                "results": ["Fail"],
            }
        ),
        path,
    )
    (row,) = served(PortalSource.files(path))
    assert (row["inspection_id"], row["inspection_date"]) == ("5", "2014-02-03T00:00:00.000")


def test_a_folder_unites_files_and_names_what_it_skips(tmp_path):
    pq.write_table(ROWS, tmp_path / "a.parquet")
    pyarrow.csv.write_csv(ROWS.slice(0, 1).drop_columns(["zip"]), tmp_path / "b.csv")
    (tmp_path / "notes.md").write_text("x")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    source = PortalSource.files(tmp_path)
    assert len(served(source)) == 4
    assert [(path.name, reason[:12]) for path, reason in source.skipped] == [
        ("notes.md", "neither Parq"),
        ("other.csv", "its columns "),
    ]


def test_bad_files_are_one_clear_error(tmp_path):
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(b"PAR1 nothing")
    with pytest.raises(FoodInspectionsError, match=r"torn\.parquet cannot be read"):
        PortalSource.files(torn)
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    with pytest.raises(FoodInspectionsError, match="inspection_id, inspection_date and results"):
        PortalSource.files(wrong)
    with pytest.raises(FoodInspectionsError, match="does not exist"):
        PortalSource.files(tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(FoodInspectionsError, match="it is empty"):
        PortalSource.files(empty)


def test_tables_of_unknown_columns_are_refused():
    with pytest.raises(FoodInspectionsError, match="no known dataset"):
        PortalSource.of_tables(pa.table({"a": ["1"]}))
    assert len(served(PortalSource.of_tables(ROWS))) == 3


def test_the_shared_folder_serves_every_dataset_that_it_has(shared_data: Path):
    source = PortalSource.files(shared_data)
    with PortalServer(source) as server:
        counts = {
            dataset.id: requests.get(
                f"{server.url}/resource/{dataset.id}.json", params={"$select": "count(*)"}, timeout=10
            ).json()[0]["count"]
            for dataset in source.datasets
        }
        (crime,) = requests.get(f"{server.url}/resource/ijzp-q8t2.json", params={"$limit": 1}, timeout=60).json()
    assert counts == {
        INSPECTIONS: str(24_518 + 1_035),
        "me59-5fac": "74401",
        "ijzp-q8t2": "66932",
        "r5kz-chrr": "17430",
        "wthr-0001": "1310",
    }
    assert crime["arrest"] in (True, False) and crime["x_coordinate"]
    assert {path.name for path, _ in source.skipped} >= {"violation_titles.csv"}
