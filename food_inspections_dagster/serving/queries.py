"""What readers ask, in SQL: one statement per purpose, values always as parameters.

Tables come from the catalog. Whoever reads a week reads history with ``week <= %(week)s``: nothing that came later.
"""

from typing import Final

from psycopg import sql

from food_inspections_dagster.catalog import (
    BACKTEST_SCORES,
    BIAS_REPORT,
    BIAS_VERDICTS,
    DATA_PROFILE,
    DRIFT,
    EVALUATIONS,
    LIST_EFFECTS,
    OUTCOMES,
    PUBLISHED_LIST,
    REMEDY_PRICES,
    Table,
)

Query = sql.Composed

SCHEMA = PUBLISHED_LIST.database_schema

_CONTROL = ("publications", "pointer", "pointer_moves", "keys", "runs", "check_results")
_OURS = (*PUBLISHED_LIST.tables, EVALUATIONS, BACKTEST_SCORES, OUTCOMES, DRIFT, DATA_PROFILE)
_TABLES: Final[dict[str, sql.Identifier]] = {
    **{name: sql.Identifier(SCHEMA, name) for name in _CONTROL},
    **{table.asset: sql.Identifier(*str(table).split(".")) for table in _OURS},
    **{table.asset: sql.Identifier(*PUBLISHED_LIST.copy_of(table).split(".")) for table in PUBLISHED_LIST.copies},
}


def query(statement: str, **parts: sql.Composable) -> Query:
    """Return a statement in which ``{inspections}`` stands for what readers see of that table."""
    return sql.SQL(statement).format(**_TABLES, **parts)  # type: ignore[arg-type]


# A session may be given fewer rights than its user has, and only where the user may take the role.
TAKE_ROLE = query(
    "SELECT set_config('role', rolname, true) FROM pg_catalog.pg_roles WHERE rolname = %(role)s"
    " AND pg_catalog.pg_has_role(oid, CASE WHEN current_setting('server_version_num')::int >= 160000"
    " THEN 'SET' ELSE 'MEMBER' END)"
)
HAS_TABLE = query("""
    SELECT count(*) > 0 AS there FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = split_part(%(table)s, '.', 1) AND c.relname = split_part(%(table)s, '.', 2)
        AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
""")

# --- publications

#: One row for the pointer's week, or for the week that is named; none where that is not published.
PUBLICATION = query("""
    SELECT p.week, p.publication_id, p.content_hash, p.code_version, p.run_id, p.published_at, p.rows,
        (SELECT publication_id FROM {pointer}) AS shown_id,
        (SELECT max(publication_id) FROM {publications}) AS newest_id
    FROM {publications} p
    WHERE p.week = coalesce(%(week)s::date, (SELECT week FROM {pointer}))
    ORDER BY p.publication_id DESC LIMIT 1
""")
#: The state of everything published: what the pointer shows, the newest publication, and when either last changed.
STATE = query("""
    SELECT s.publication_id AS shown_id, p.content_hash,
        (SELECT max(publication_id) FROM {publications}) AS newest_id,
        greatest((SELECT max(published_at) FROM {publications}), (SELECT max(moved_at) FROM {pointer_moves}))
            AS changed_at
    FROM {pointer} s JOIN {publications} p USING (publication_id)
""")
KEYS = query("SELECT key_id, name, key_hash, scopes FROM {keys} WHERE revoked_at IS NULL")
WEEKS = query("""
    SELECT DISTINCT ON (p.week) p.week, p.publication_id, p.content_hash, p.code_version, p.run_id, p.published_at,
        p.rows, p.week = (SELECT week FROM {pointer}) AS is_shown,
        count(*) OVER (PARTITION BY p.week) AS publications
    FROM {publications} p ORDER BY p.week DESC, p.publication_id DESC
""")
MOVES = query("""
    SELECT move_id, moved_at, moved_by, kind, why, from_week, to_week, publication_id
    FROM {pointer_moves} ORDER BY move_id DESC LIMIT %(limit)s
""")

#: How the pipeline does at this moment, whichever week is shown: the runs that began last,
RUNS = query("SELECT * FROM {runs} ORDER BY coalesce(begun_at, ended_at) DESC, run_id LIMIT %(limit)s")
#: and the checks whose newest result is a failure, those that block first, beside how many there are in all.
FAILED_CHECKS = query("""
    SELECT * FROM (SELECT c.*, count(*) OVER () AS checks FROM {check_results} c) AS newest
    WHERE weeks_failing > 0 ORDER BY blocking DESC, checked_at DESC, asset, check_name
""")

# --- lists

#: Which places of a list are meant; its values are those of :func:`priorities`.
LIST_FILTER = """
    l.week = %(week)s AND l.label = %(label)s
    AND (%(facility_type)s::text[] IS NULL OR l.facility_type = ANY(%(facility_type)s))
    AND (%(risk)s::smallint[] IS NULL OR l.risk = ANY(%(risk)s))
    AND (%(zip)s::text[] IS NULL OR l.zip = ANY(%(zip)s))
    AND (%(community_area)s::text[] IS NULL OR l.community_area = ANY(%(community_area)s))
    AND (%(side)s::text[] IS NULL OR l.side = ANY(%(side)s))
    AND (%(west)s::float8 IS NULL
        OR (l.longitude BETWEEN %(west)s AND %(east)s AND l.latitude BETWEEN %(south)s AND %(north)s))
    AND (%(min_probability)s::float8 IS NULL OR l.expected_find >= %(min_probability)s)
    AND (%(words)s::text[] IS NULL OR concat_ws(' ', l.dba_name, l.address, l.establishment_id) ILIKE ALL(%(words)s))
"""
#: Values of the filter where nothing is left out.
NO_FILTER: Final = dict.fromkeys(
    (
        *("facility_type", "risk", "zip", "community_area", "side"),
        *("west", "east", "south", "north", "min_probability", "words"),
    )
)
#: By the name of a sort: the expression that it goes by, never null, and the type of its values.
SORTS: Final[dict[str, tuple[str, str]]] = {
    "rank": ("l.rank", "int"),
    "expected_find": ("l.expected_find", "float8"),
    "own_risk": ("l.own_risk", "float8"),
    "priority": ("l.priority", "float8"),
    "name": ("coalesce(l.dba_name, '')", "text"),
    "facility_type": ("l.facility_type", "text"),
    "zip": ("coalesce(l.zip, '')", "text"),
    "last_inspection_date": ("coalesce(l.last_inspection_date, '0001-01-01'::date)", "date"),
    "visits": ("l.visits", "bigint"),
}
_PRIORITIES = """
    SELECT l.*, {by} AS sort_key FROM {priorities} l WHERE {filter}
    AND (%(after_id)s::text IS NULL OR ({by}, l.establishment_id) {beyond} (%(after_key)s::{kind}, %(after_id)s))
    ORDER BY {by} {direction}, l.establishment_id {direction} LIMIT %(limit)s
"""
PLACES_TO_PLAN = query(
    """
    SELECT l.establishment_id, l.dba_name, l.address, l.zip, l.facility_type, l.risk, l.side, l.latitude, l.longitude,
        l.rank, l.expected_find, l.own_risk, l.last_inspection_date, l.reason_1
    FROM {priorities} l WHERE {filter} ORDER BY l.rank
    """,
    filter=sql.SQL(LIST_FILTER),
)
COUNT_PRIORITIES = query("SELECT count(*) AS total FROM {priorities} l WHERE {filter}", filter=sql.SQL(LIST_FILTER))


def priorities(sort: str, descending: bool) -> Query:
    """Return the question for a page of a list; ``sort_key`` of its last row is where the next page begins.

    Its values: week, label, facility_type, risk, zip, community_area, side (lists or None), west, south, east, north,
    min_probability, words (patterns of ILIKE, all of which must match), after_key and after_id, limit.
    """
    by, kind = SORTS[sort]
    return query(
        _PRIORITIES,
        filter=sql.SQL(LIST_FILTER),
        by=sql.SQL(by),  # type: ignore[arg-type]
        kind=sql.SQL(kind),  # type: ignore[arg-type]
        beyond=sql.SQL("<" if descending else ">"),
        direction=sql.SQL("DESC" if descending else "ASC"),
    )


#: One row for each value that a list can be filtered by, with how many of its places have it.
FACETS = query("""
    SELECT attribute, value, count(*) AS places FROM {priorities} l
    CROSS JOIN LATERAL (VALUES ('facility_type', l.facility_type), ('risk', l.risk::text), ('zip', l.zip),
        ('community_area', l.community_area), ('side', l.side), ('chain_or_single', l.chain_or_single)
    ) AS facet(attribute, value)
    WHERE l.week = %(week)s AND l.label = %(label)s AND value IS NOT NULL
    GROUP BY attribute, value ORDER BY attribute, value
""")
#: The whole list in the order of its ranks, with what planning, maps and tables need.
LIST = query("SELECT l.* FROM {priorities} l WHERE l.week = %(week)s AND l.label = %(label)s ORDER BY l.rank")
#: The lines of some places on a list.
LISTED = query("""
    SELECT l.establishment_id, l.rank, l.expected_find, l.reason_1, l.reason_2, l.reason_3 FROM {priorities} l
    WHERE l.week = %(week)s AND l.label = %(label)s AND l.establishment_id = ANY(%(ids)s)
""")
LABELS = query("SELECT DISTINCT label FROM {models} WHERE week = %(week)s ORDER BY label")
NOTES = query("SELECT * FROM {area_notes} WHERE week = %(week)s AND label = %(label)s ORDER BY places DESC, zip")
#: Expected finds of visits to the first ``capacity`` places.
AT_CAPACITY = query("""
    SELECT label, rank AS capacity, expected_finds FROM {priorities}
    WHERE week = %(week)s AND rank = ANY(%(capacities)s) ORDER BY label, rank
""")

# --- establishments

_ESTABLISHMENT_FILTER = """
    e.week = %(week)s
    AND (%(words)s::text[] IS NULL
        OR concat_ws(' ', e.dba_name, e.address, e.establishment_id, e.license_::text) ILIKE ALL(%(words)s))
    AND (%(facility_type)s::text[] IS NULL OR e.facility_type = ANY(%(facility_type)s))
    AND (%(zip)s::text[] IS NULL OR e.zip = ANY(%(zip)s))
    AND (%(is_listed)s::boolean IS NULL OR e.is_listed = %(is_listed)s)
"""
ESTABLISHMENTS_PAGE = query(
    """
    SELECT e.*, coalesce(e.dba_name, '') AS sort_key FROM {establishments} e WHERE {filter}
    AND (%(after_id)s::text IS NULL
        OR (coalesce(e.dba_name, ''), e.establishment_id) > (%(after_key)s, %(after_id)s))
    ORDER BY coalesce(e.dba_name, ''), e.establishment_id LIMIT %(limit)s
""",
    filter=sql.SQL(_ESTABLISHMENT_FILTER),
)
COUNT_ESTABLISHMENTS = query(
    "SELECT count(*) AS total FROM {establishments} e WHERE {filter}", filter=sql.SQL(_ESTABLISHMENT_FILTER)
)
ESTABLISHMENT = query(
    "SELECT * FROM {establishments} WHERE week = %(week)s AND establishment_id = %(establishment_id)s"
)
INSPECTIONS_OF = query("""
    SELECT i.* FROM {inspections} i
    WHERE i.establishment_id = %(establishment_id)s AND i.week <= %(week)s
    ORDER BY i.inspection_date DESC, i.inspection_id DESC LIMIT %(limit)s
""")
VIOLATIONS_OF = query("""
    SELECT v.* FROM {violations} v
    JOIN unnest(%(weeks)s::date[], %(inspection_ids)s::bigint[]) AS i(week, inspection_id)
        ON v.week = i.week AND v.inspection_id = i.inspection_id
    ORDER BY v.inspection_id, v.ordinal
""")
#: Its places on the published lists, the newest first.
SCORES_OF = query("""
    SELECT l.* FROM {priorities} l
    WHERE l.establishment_id = %(establishment_id)s AND l.week <= %(week)s
    ORDER BY l.week DESC, l.label LIMIT %(limit)s
""")

# --- inspections

INSPECTION = query("""
    SELECT i.* FROM {inspections} i WHERE i.inspection_id = %(inspection_id)s AND i.week <= %(week)s
    ORDER BY i.week DESC LIMIT 1
""")
#: What the groups that are in use in %(week)s had foreseen of an inspection, before it.
FORESEEN = query("""
    SELECT b.week, b.label, b.model_group, b.model_id, b.in_cohort, b.expected_find, b.own_risk, b.priority, b.outcome,
        m.is_selected
    FROM {backtest_scores} b
    JOIN {models} m ON m.week = %(week)s AND m.label = b.label AND m.model_group = b.model_group
    WHERE b.week = %(inspection_week)s AND b.inspection_id = %(inspection_id)s AND b.week <= %(week)s AND m.is_selected
    ORDER BY b.label
""")
#: Where its place stood on the list for its week.
LISTED_BEFORE = query("""
    SELECT l.week, l.label, l.rank, l.expected_find, l.own_risk, l.model_group, l.model_id FROM {priorities} l
    WHERE l.establishment_id = %(establishment_id)s AND l.week = %(list_week)s AND l.week <= %(week)s ORDER BY l.label
""")

# --- models, audit, monitoring

MODELS = query("SELECT * FROM {models} WHERE week = %(week)s ORDER BY label, model_group")
#: The groups in use over the published weeks.
MODELS_OVER_TIME = query("""
    SELECT * FROM {models} WHERE week <= %(week)s AND is_selected ORDER BY week DESC, label LIMIT %(limit)s
""")
#: The models whose scores make the lists of a week, with their cards.
MODELS_IN_USE = query("""
    SELECT label, model_group, card FROM {models} WHERE week = %(week)s AND is_selected AND card IS NOT NULL
    ORDER BY label
""")
_NEWEST = "SELECT * FROM {table} WHERE week = (SELECT max(week) FROM {table} WHERE week <= %(week)s)"
_AUDIT = (
    _NEWEST + " AND (%(label)s::text IS NULL OR label = %(label)s) AND "
    "(%(attribute)s::text IS NULL OR attribute = %(attribute)s) ORDER BY label, attribute"
)


def _newest(statement: str, table: Table, order: str) -> Query:
    return query(statement + order, table=_TABLES[table.asset])


BIAS = _newest(_AUDIT, BIAS_REPORT, ', "group", metric')
VERDICTS = _newest(_AUDIT, BIAS_VERDICTS, ', "group"')
EFFECTS = _newest(_AUDIT, LIST_EFFECTS, ', "group"')
PRICES = _newest(_AUDIT, REMEDY_PRICES, ", kind, basis")

#: Evaluations of the newest test periods up to a week, of everything or of one label.
EVALUATIONS_OVER_TIME = query("""
    SELECT e.* FROM {evaluations} e
    WHERE e.week <= %(week)s AND (%(label)s::text IS NULL OR e.label = %(label)s)
        AND (%(subset_kind)s::text IS NULL OR e.subset_kind = %(subset_kind)s)
        AND (%(score)s::text IS NULL OR e.score = %(score)s)
    ORDER BY e.week DESC, e.test_weeks, e.label, e.model_group, e.score, e.subset_kind, e.subset LIMIT %(limit)s
""")


def of_monitoring(table: Table) -> Query:
    """Return the question for the rows of a table of monitoring, the newest weeks first; week, label, limit."""
    of_label = "(%(label)s::text IS NULL OR label = %(label)s)" if "label" in table.schema.columns else "true"
    return sql.SQL(
        "SELECT * FROM {table} WHERE week <= %(week)s AND {of_label} ORDER BY week DESC, {key} LIMIT %(limit)s"
    ).format(
        table=sql.Identifier(*str(table).split(".")),
        of_label=sql.SQL(of_label),  # type: ignore[arg-type]
        key=sql.SQL(", ").join(sql.Identifier(name) for name in table.key if name != "week"),
    )
