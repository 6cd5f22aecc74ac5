"""The way of one score back to what the portal sent: `food-inspections trace <establishment> [week]`."""

from datetime import date

from rich.console import Console
from rich.table import Table

from food_inspections_dagster.catalog import RAW_INSPECTIONS, SCORES
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.weeks import WEEK

# One question: the score; of its week the loads of the list, the decision and the model behind it; and of every week
# in which the establishment has a record the loads of its clean rows and of the raw object. `loads` is the newest
# load of each week of each asset, without weeks whose load was never finished; `%(week)s` null means the
# establishment's newest list.
TRACE = """
    with score as (
        select week, establishment_id, dba_name, rank, expected_find, model_group, model_id from {scores}
        where establishment_id = %(establishment)s and label = %(label)s
            and (%(week)s::date is null or week = %(week)s::date)
        order by week desc limit 1
    ),
    loads as (
        select distinct on (asset, week) asset, week, rows, content_hash, code_version, settings_digest, input_hash,
            run_id, loaded_at
        from metadata.partition_loads
        where (asset, week) not in (select asset, unnest(weeks) from metadata.open_loads)
        order by asset, week, load_id desc
    ),
    records as (
        select distinct i.week from {inspections} as i join score as s using (establishment_id) where i.week <= s.week
    ),
    steps as (
        select 1 as step, 'scores' as asset, week from score
        union all select 2, 'selected_model', week from score
        union all select 3, split_part(model_group, '[', 1) || '_model', week from score
        union all select 4, 'inspections', week from records
        union all select 5, 'violations', week from records
        union all select 6, 'raw_inspections', week from records
    )
    select steps.step, steps.asset, steps.week, loads.rows, loads.content_hash, loads.code_version,
        loads.settings_digest, loads.input_hash, loads.run_id, loads.loaded_at::text as loaded_at,
        score.week as score_week, score.dba_name, score.rank, score.expected_find, score.model_group, score.model_id
    from steps cross join score left join loads on loads.asset = steps.asset and loads.week = steps.week
    order by steps.step, steps.week
"""


def trace(console: Console, stored: Stored, establishment: str, week: date | None, label: str) -> None:
    """Print the way of a score on the list of a label.

    Raises:
        FoodInspectionsError: where the establishment is on no such list.
    """
    if not stored.database.has_table(str(SCORES)):
        raise FoodInspectionsError("There is no list yet: make run makes one.")
    rows = stored.query(TRACE, {"establishment": establishment, "week": week, "label": label})
    if rows.empty:
        on = f"the list of week {week}" if week else "any list"
        raise FoodInspectionsError(f"'{establishment}' is not on {on}: name an establishment_id of {SCORES}.")
    first = rows.iloc[0]
    console.print(
        f"{first.dba_name} ({establishment}), list for the week of {first.score_week + WEEK}: rank {first['rank']}, "
        f"{first.expected_find:.1%}, by {first.model_group} {first.model_id}",
        markup=False,
        soft_wrap=True,
    )
    table = Table("asset", "week", "content", "code", "settings", "read", "run", "loaded", box=None, pad_edge=False)
    for row in rows.itertuples():
        hashes = (row.content_hash, row.code_version, row.settings_digest, row.input_hash)
        table.add_row(
            str(row.asset),
            str(row.week),
            *(str(value)[:12] if isinstance(value, str) else "-" for value in hashes),
            str(row.run_id)[:8],
            str(row.loaded_at)[:16],
        )
    console.print(table)
    path = RAW_INSPECTIONS.path(rows.iloc[-1].week)
    console.print(
        "content: hash of what is stored; code, settings, read: hashes of what made it. Whole hashes: "
        f"metadata.partition_loads. Raw objects lie at paths such as {path}.",
        soft_wrap=True,
    )
