"""What the pages ask, beyond what the API asks already (`serving.queries`)."""

from psycopg import sql

from food_inspections_dagster.serving.queries import LIST_FILTER, query

_CHOSEN = sql.SQL(LIST_FILTER)
LISTED = query(
    """
    SELECT l.rank, l.establishment_id, l.dba_name, l.address, l.zip, l.facility_type, l.risk, l.community_area,
        l.expected_find, l.own_risk, l.reason_1, l.reason_2, l.reason_3, l.caution, l.last_inspection_date,
        l.last_result, l.visits, l.latitude, l.longitude
    FROM {priorities} l WHERE {chosen} ORDER BY l.rank LIMIT %(limit)s
    """,
    chosen=_CHOSEN,
)
#: Of the places that are meant, in the order of the list: how many, their finds, and those of the first visits.
PROMISE = query(
    """
    SELECT count(*) AS places, coalesce(sum(p), 0)::float8 AS finds,
        coalesce(sum(p * r) / nullif(sum(p), 0), 0)::float8 AS rank_of_finds,
        coalesce(sum(p) FILTER (WHERE r <= %(capacity)s), 0)::float8 AS at_capacity
    FROM (SELECT l.expected_find AS p, row_number() OVER (ORDER BY l.rank) AS r FROM {priorities} l WHERE {chosen})
        AS chosen
    """,
    chosen=_CHOSEN,
)
#: All places with a position, for a map that needs no other.
POSITIONS = query("""
    SELECT longitude, latitude, community_area FROM {establishments}
    WHERE week = %(week)s AND longitude IS NOT NULL AND latitude IS NOT NULL AND community_area IS NOT NULL
        AND community_area <> 'Unknown'
    ORDER BY establishment_id
""")
PLACE_ON_LISTS = query("""
    SELECT l.*, count(*) OVER () AS lists FROM {priorities} l
    WHERE l.week = %(week)s AND l.establishment_id = %(establishment_id)s ORDER BY l.label
""")
LIST_SIZE = query("SELECT count(*) AS places FROM {priorities} WHERE week = %(week)s AND label = %(label)s")

# --- what came

#: Everything at once, and by facility type: the newest week, and the way to it.
OUTCOMES_OVER_TIME = query("""
    SELECT week, subset_kind, subset, model_group, window_first, window_inspections, window_found, predicted_share,
        found_share, found_share_low, found_share_high, training_found_share, training_predicted_share,
        training_inspections, list_precision_at_k, list_mean_days_earlier, list_mean_days_earlier_low,
        list_mean_days_earlier_high, calibration_error, roc_auc, promised_roc_auc, promised_precision_at_k,
        precision_at_k, verdict
    FROM {outcomes}
    WHERE week <= %(week)s AND label = %(label)s AND subset_kind = ANY(%(kinds)s) ORDER BY week, subset_kind, subset
""")
NEWEST_DRIFT = query("""
    SELECT * FROM {drift} WHERE week = (SELECT max(week) FROM {drift} WHERE week <= %(week)s)
    ORDER BY verdict = 'drift' DESC, kind DESC, psi DESC NULLS LAST, name
""")
SCORE_DRIFT_OVER_TIME = query("""
    SELECT week, name, psi, js_distance, verdict FROM {drift} WHERE kind = 'score' AND week <= %(week)s
    ORDER BY name, week
""")

NEWEST_INSPECTION = query("""
    SELECT max(inspection_date) AS day FROM {inspections} WHERE week = (SELECT max(week) FROM {inspections})
""")

# --- profiles

PROFILED = query("""
    SELECT DISTINCT table_name FROM {data_profile}
    WHERE week = (SELECT max(week) FROM {data_profile} WHERE week <= %(week)s) ORDER BY table_name
""")
PROFILE = query("""
    SELECT * FROM {data_profile}
    WHERE week = (SELECT max(week) FROM {data_profile} WHERE week <= %(week)s) AND table_name = %(table_name)s
        AND span = %(span)s
    ORDER BY column_name, measure, position
""")
