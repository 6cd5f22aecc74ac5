"""The simulated city's rows in the portal's shape: nothing in them is real.

``simulate`` and ``simulate_city`` are pure functions of their arguments: the same bytes for the same seed, and a
longer simulation leaves earlier rows as they are, save for corrections that happen in the weeks added.
"""

import os
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.weeks import FIRST_WEEK, monday
from food_inspections_portal.city import corrections as later
from food_inspections_portal.city import establishments as places
from food_inspections_portal.city import surroundings, violations_text
from food_inspections_portal.city.visits import RESULTS, TYPES, Visits, area_traits, simulate_visits
from food_inspections_portal.identifiers import row_ids, row_versions

VERSION = 4  # of the simulator: raise it with any change of its rows, because cached cities bear it in their name
DEFAULT_SEED = 2010
INSPECTIONS = "4ijn-s7e5"
Progress = Callable[[str], None]


def simulate(
    weeks: int,
    seed: int = DEFAULT_SEED,
    scale: float = 1.0,
    first_week: date = FIRST_WEEK,
    progress: Progress | None = None,
) -> pa.Table:
    """Simulate a city's inspections as the portal would show them at the end of the last week.

    Args:
        weeks: how many weeks; 880 at scale 1 give about 300,000 rows.
        seed: of everything random.
        scale: size of the city; 1 is Chicago.
        first_week: Monday on which it begins.
        progress: called with a line now and then, such as "Simulating 880 weeks: 40 %".

    Returns:
        text columns: system fields, the portal's columns (without ``location``, which the server derives)
        and the five computed regions.

    Raises:
        FoodInspectionsError: for no weeks, a scale that is not positive, or a first week that is no Monday.
    """
    population, visits = _visits(weeks, weeks, seed, scale, first_week, progress)
    return _inspections(population, places.texts(population), visits, weeks, first_week)


def simulate_city(
    weeks: int,
    seed: int = DEFAULT_SEED,
    scale: float = 1.0,
    first_week: date = FIRST_WEEK,
    progress: Progress | None = None,
) -> dict[str, pa.Table]:
    """Simulate a city's inspections and everything else that it publishes; return the rows of each data set by id.

    Arguments and errors are those of :func:`simulate`, whose rows are among them.
    """
    # A few weeks more, because who opens in them got a licence before.
    population, visits = _visits(weeks, weeks + surroundings.LOOK_AHEAD, seed, scale, first_week, progress)
    texts = places.texts(population)
    area = area_traits(seed, scale, first_week)
    city = surroundings.Surroundings(weeks, seed, scale, first_week, population, texts, visits, area)
    return {
        INSPECTIONS: _inspections(population, texts, visits, weeks, first_week),
        **surroundings.tables(city),
    }


def _visits(
    weeks: int, simulated: int, seed: int, scale: float, first_week: date, progress: Progress | None
) -> tuple[places.Population, Visits]:
    """Return the establishments of ``simulated`` weeks and the visits of the first ``weeks`` of them."""
    if weeks < 1:
        raise FoodInspectionsError(f"A city cannot be simulated for {weeks} weeks: ask for 1 or more.")
    if not 0 < scale <= 100:
        raise FoodInspectionsError(f"A city cannot be simulated at scale {scale}: ask for more than 0, at most 100.")
    if first_week != monday(first_week):
        raise FoodInspectionsError(f"{first_week} is no Monday: begin with {monday(first_week)}.")
    tell = progress or (lambda line: None)
    percent = -10

    def tell_week(week: int) -> None:
        nonlocal percent
        if 100 * week // weeks >= percent + 10 and week < weeks:
            percent = 100 * week // weeks
            tell(f"Simulating {weeks} weeks: {percent} %")

    population, visits = simulate_visits(simulated, seed, scale, first_week, tell_week)
    visits = visits.before(weeks)
    tell(f"Writing the reports of {len(visits):,} simulated inspections")
    if not len(visits):
        raise FoodInspectionsError(f"Scale {scale} leaves no inspections in {weeks} weeks: ask for a larger one.")
    return population, visits


def _inspections(
    population: places.Population, known: places.Texts, visits: Visits, weeks: int, first_week: date
) -> pa.Table:
    count = len(visits)
    texts = violations_text.write(visits.findings, count, visits.new)
    changed = later.corrections(visits.words, visits.week, weeks, texts.is_valid().to_numpy())
    odd = later.oddities(visits.words)
    who = pa.array(visits.establishment)

    results = later.corrected_results(visits.result, changed.field == later.RESULT)
    result = pa.array(RESULTS).take(pa.array(results))
    result = pc.if_else(pa.array(odd == later.ODD_RESULT), pa.scalar("PASS (SEE NOTES)"), result)
    texts = _amended(texts, changed.field == later.VIOLATIONS, odd == later.TORN_TEXT)
    identifier = pa.array(visits.number).cast(pa.string())
    identifier = pc.if_else(pa.array(odd == later.NO_ID), pa.scalar(None, pa.string()), identifier)
    address = known.address.take(who)
    address = pc.if_else(pa.array(changed.field == later.ADDRESS), pc.utf8_rtrim_whitespace(address), address)
    facility = known.facility_type.take(who)
    mended = pc.if_else(pc.equal(pc.fill_null(facility, "?"), "Restaurant"), "Grocery Store", "Restaurant")
    facility = pc.if_else(pa.array(changed.field == later.FACILITY), mended, facility)

    columns = {
        "inspection_id": identifier,
        "dba_name": known.dba_name.take(who),
        "aka_name": known.aka_name.take(who),
        "license_": known.license_.take(who),
        "facility_type": facility,
        "risk": known.risk.take(who),
        "address": address,
        "city": known.city.take(who),
        "state": known.state.take(who),
        "zip": known.zip.take(who),
        "inspection_date": _moments(first_week, visits.day, np.zeros(count, np.int64), ""),
        "inspection_type": pa.array(TYPES).take(pa.array(visits.kind)),
        "results": result,
        "violations": texts,
        "latitude": known.latitude.take(who),
        "longitude": known.longitude.take(who),
        **{name: region.take(who) for name, region in zip(places.REGIONS, known.regions, strict=True)},
    }
    # Rows are published in the morning of the day after; a correction comes with a morning's load too.
    created = _moments(first_week, visits.day + 1, 36_000 + visits.words % 7_200, "Z")
    corrected = _moments(first_week, changed.day, 36_000 + (visits.words >> 8) % 7_200, "Z")
    was_changed = changed.field >= 0
    rows = pa.table(
        {
            ":id": pa.array(row_ids(visits.words.astype(np.uint64))),
            ":created_at": created,
            ":updated_at": pc.if_else(pa.array(was_changed), corrected, created),
            ":version": pa.array(row_versions(visits.words.astype(np.uint64), was_changed.astype(np.int64))),
            **{name: column for name, column in columns.items() if not name.startswith(":")},
            **{name: column for name, column in columns.items() if name.startswith(":")},
        }
    )
    return _with_repeats(rows, visits.words, odd).combine_chunks()


def _with_repeats(rows: pa.Table, words: np.ndarray, odd: np.ndarray) -> pa.Table:
    """Repeat a few rows under another ``:id``: some exactly, some with another result under the same id."""
    extra = np.flatnonzero((odd == later.REPEATED) | (odd == later.SAME_ID))
    if not len(extra):
        return rows
    copies = rows.take(pa.array(extra))
    numbers = words[extra].astype(np.uint64) ^ np.uint64(1 << 59)
    copies = copies.set_column(0, ":id", pa.array(row_ids(numbers)))
    copies = copies.set_column(3, ":version", pa.array(row_versions(numbers)))
    index = copies.column_names.index("results")
    other = pc.if_else(pc.equal(copies["results"], "Fail"), "Pass", "Fail")
    result = pc.if_else(pa.array(odd[extra] == later.SAME_ID), other, copies["results"])
    copies = copies.set_column(index, "results", result)
    # Each copy stands behind its row, so that rows of later weeks stay behind those of earlier ones. They are few, and
    # slices are not copied.
    ends = [0, *(int(position) + 1 for position in extra), len(rows)]
    pieces = [rows.slice(ends[0], ends[1] - ends[0])]
    for number in range(len(extra)):
        start, end = ends[number + 1], ends[number + 2]
        pieces += [copies.slice(number, 1), rows.slice(start, end - start)]
    return pa.concat_tables(pieces)


def _amended(texts: pa.ChunkedArray, amended: np.ndarray, torn: np.ndarray) -> pa.ChunkedArray:
    """Return the texts with a remark where they were amended, and without code and title where they were torn."""
    touched = np.flatnonzero(amended | torn)
    some = texts.take(pa.array(touched))
    remark = pc.binary_join_element_wise(some, "REPORT AMENDED.", " ", null_handling="emit_null")
    some = pc.if_else(pa.array(amended[touched]), remark, some)
    some = pc.if_else(pa.array(torn[touched]), pc.utf8_slice_codeunits(some, 9, 60), some)
    return pc.replace_with_mask(texts, pa.array(amended | torn), some.combine_chunks())


def _moments(first_week: date, day: np.ndarray, second: np.ndarray, ending: str) -> pa.Array:
    """Write moments, each day and each second of a day once: writing every moment anew took a second."""
    days, of_day = np.unique(day, return_inverse=True)
    seconds, of_second = np.unique(second, return_inverse=True)
    day_texts = np.datetime_as_string(np.datetime64(first_week, "D") + days)
    clock_texts = np.datetime_as_string(np.datetime64(0, "s") + seconds)
    dates = pa.array([f"{text}T" for text in day_texts])
    clocks = pa.array([f"{text[11:]}.000{ending}" for text in clock_texts])
    return pc.binary_join_element_wise(dates.take(pa.array(of_day)), clocks.take(pa.array(of_second)), "")


def cached_city(
    cache_dir: Path,
    weeks: int,
    seed: int = DEFAULT_SEED,
    scale: float = 1.0,
    first_week: date = FIRST_WEEK,
    progress: Progress | None = None,
) -> dict[str, Path]:
    """Return the Parquet file of each data set of a simulated city, made if need be; each appears whole or not at all.

    Raises:
        FoodInspectionsError: where the cache cannot be written.
    """
    name = f"simulated-city-v{VERSION}-{first_week}-{weeks}w-seed{seed}-scale{scale:g}"
    paths = {dataset: cache_dir / f"{name}-{dataset}.parquet" for dataset in (INSPECTIONS, *surroundings.DATASETS)}
    if all(path.exists() for path in paths.values()):
        return paths
    tables = simulate_city(weeks, seed, scale, first_week, progress)
    if progress:
        progress(f"Storing {sum(len(table) for table in tables.values()):,} simulated rows")
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        for dataset, path in paths.items():
            _store(tables[dataset], path)
    except OSError as error:
        raise FoodInspectionsError(
            f"The simulated city cannot be kept in {cache_dir} ({error.strerror}): free space or name another folder."
        ) from None
    return paths


def _store(table: pa.Table, path: Path) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    os.close(handle)
    try:
        pq.write_table(table, temporary, compression="zstd", row_group_size=20_000)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def simulated_table(
    cache_dir: Path,
    weeks: int,
    seed: int = DEFAULT_SEED,
    scale: float = 1.0,
    first_week: date = FIRST_WEEK,
) -> pa.Table:
    """Return the inspections of ``cached_city``."""
    return pq.read_table(cached_city(cache_dir, weeks, seed, scale, first_week)[INSPECTIONS])
