import hashlib
from datetime import date

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_portal.city import corrections
from food_inspections_portal.city import simulate as simulator
from food_inspections_portal.city.simulate import simulate, simulated_table
from food_inspections_portal.city.surroundings import DATASETS
from food_inspections_portal.city.visits import holidays


def digest(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(city):
    assert digest(simulate(60, seed=5, scale=0.15)) == digest(city)
    assert digest(simulate(60, seed=6, scale=0.15)) != digest(city)


def test_more_weeks_leave_earlier_rows_alone_but_for_corrections(city):
    longer = simulate(80, seed=5, scale=0.15).slice(0, len(city))
    old, new = city.to_pandas(), longer.to_pandas()
    assert old[":id"].equals(new[":id"])
    moved = old[":updated_at"] != new[":updated_at"]
    assert 0 < moved.sum() < 0.02 * len(old)
    assert old[~moved].equals(new[~moved])
    end = "2011-02-28"  # the Monday after week 60
    assert (new.loc[moved, ":updated_at"] >= end).all()
    assert (new.loc[moved, ":version"] != old.loc[moved, ":version"]).all()
    fields = ["facility_type", "results", "violations", "address"]
    changed = (old.loc[moved, fields].fillna("") != new.loc[moved, fields].fillna("")).sum(axis=1)
    assert (changed <= 1).all() and changed.mean() > 0.8
    untouched = [name for name in old if name not in {*fields, ":updated_at", ":version"}]
    assert old[untouched].equals(new[untouched])


def test_nothing_is_dated_after_the_end(city):
    assert pc.max(city[":updated_at"]).as_py() < "2011-02-28"
    assert pc.min(city["inspection_date"]).as_py() >= "2010-01-04"


def test_rows_are_the_portals(city):
    assert set(city.schema.types) == {pa.string()}
    assert city.column_names[:4] == [":id", ":created_at", ":updated_at", ":version"]
    frame = city.to_pandas()
    assert frame[":id"].is_unique
    assert frame["inspection_date"].str.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00\.000").all()
    assert (frame[":created_at"].str.slice(0, 10) > frame["inspection_date"].str.slice(0, 10)).all()
    assert frame["latitude"].dropna().astype(float).between(41.64, 42.03).all()
    assert not frame["violations"].fillna("").str.contains(r"[^\x00-\x7F]").any()


def test_no_visits_on_weekends_or_holidays(city):
    days = pd.to_datetime(city["inspection_date"].to_pandas().str.slice(0, 10)).dt.date
    assert not {day for day in days if day.weekday() > 4}
    assert set(days).isdisjoint(holidays(2010) | holidays(2011))


def test_both_codebooks_are_written_as_the_city_wrote_them():
    frame = simulate(12, seed=3, scale=0.3, first_week=date(2018, 5, 28)).to_pandas()
    # A corrected row may have another result than the one its violations were written for.
    as_published = frame[":updated_at"] == frame[":created_at"]
    decided = frame[frame["results"].isin(["Pass", "Fail", "Pass w/ Conditions"]) & as_published]
    old = decided[decided["inspection_date"] < "2018-07-01"]
    new = decided[decided["inspection_date"] >= "2018-07-01"]
    for part, most in ((old, 70), (new, 64)):
        violations = part["violations"].dropna().str.split(r" \| (?=\d{1,2}\. )", regex=True).explode()
        parts = violations.str.extract(r"^(\d{1,2})\. (.+?) - Comments: ?")
        assert parts.notna().all(axis=None)
        assert parts[0].astype(int).between(1, most).all()
    assert not old["violations"].str.contains("PRIORITY VIOLATION", na=False).any()
    marked = new["violations"].str.contains("PRIORITY", na=False)
    written = new["violations"].notna()
    assert marked[written & (new["results"] != "Pass")].all()
    assert not new.loc[new["results"] == "Pass", "violations"].str.contains(
        r"PRIORITY (?:FOUNDATION )?VIOLATION[ .:#]+7", na=False
    ).any()  # fmt: skip
    codes = new["violations"].dropna().str.findall(r"(?:^| \| )(\d{1,2})\. ").map(lambda c: [int(x) for x in c])
    assert (codes == codes.map(sorted)).all()


def test_results_without_a_decision_have_no_violations(city):
    frame = city.to_pandas()
    silent = frame["results"].isin(["Out of Business", "No Entry", "Not Ready", "Business Not Located"])
    assert silent.any() and frame.loc[silent, "violations"].isna().all()


def test_repeated_and_broken_rows(monkeypatch):
    monkeypatch.setattr(corrections, "_ODD_SHARES", (0.01,) * 5)
    frame = simulate(20, seed=1, scale=0.3).to_pandas()
    body = frame.drop(columns=[":id", ":created_at", ":updated_at", ":version"])
    exact = body.duplicated(keep=False)
    assert exact.mean() == pytest.approx(0.02, abs=0.01)
    twice = frame["inspection_id"].duplicated(keep=False) & frame["inspection_id"].notna() & ~exact
    assert twice.mean() == pytest.approx(0.02, abs=0.01)
    assert frame[":id"].is_unique
    assert frame["inspection_id"].isna().mean() == pytest.approx(0.01, abs=0.006)
    assert (frame["results"] == "PASS (SEE NOTES)").mean() == pytest.approx(0.01, abs=0.006)
    torn = ~frame["violations"].dropna().str.match(r"\d{1,2}\. ")
    assert torn.mean() == pytest.approx(0.01, abs=0.006)


def test_the_cache_holds_whole_files_only(tmp_path, monkeypatch):
    first = simulated_table(tmp_path, 3, seed=1, scale=0.05)
    files = {file.stem[-9:]: file for file in tmp_path.iterdir()}
    assert files.keys() == {simulator.INSPECTIONS, *DATASETS} and len(files) == len(list(tmp_path.iterdir()))
    assert pq.read_table(files[simulator.INSPECTIONS]).equals(first)
    monkeypatch.setattr(simulator, "simulate_city", lambda *_: pytest.fail("the cache was not used"))
    assert simulated_table(tmp_path, 3, seed=1, scale=0.05).equals(first)


def test_a_cache_that_cannot_be_written_is_one_clear_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(FoodInspectionsError, match="cannot be kept"):
        simulated_table(blocked, 2, scale=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weeks": 0}, "ask for 1 or more"),
        ({"weeks": 2, "scale": 0}, "at scale 0"),
        ({"weeks": 2, "first_week": date(2010, 1, 5)}, "begin with 2010-01-04"),
    ],
)
def test_impossible_cities_are_refused(arguments, message):
    with pytest.raises(FoodInspectionsError, match=message):
        simulate(**arguments)
