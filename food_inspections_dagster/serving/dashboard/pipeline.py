"""How the pipeline does: how fresh the lists are, the last runs, the checks that fail, and the way to Dagster."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from dash import html

from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard import queries
from food_inspections_dagster.serving.dashboard.parts import (
    NONE,
    day,
    empty,
    minute,
    more,
    note,
    number,
    section,
    table,
)
from food_inspections_dagster.serving.store import Publication, Reads, Row
from food_inspections_dagster.weeks import CHICAGO, WEEK, last_complete_week

_RUNS = 20
_MOVES = 20
_STALE_WEEKS = 2
_LETTERS = 160  # of what a check says, before the rest opens on demand
_STATES = {"canceled": "stopped by somebody", "started": "not ended: it goes on, or was killed"}


def sections(reads: Reads, publication: Publication, is_simulated: bool, dagster_url: str) -> list[html.Section]:
    """Return the parts of the page.

    Args:
        is_simulated: a simulated city stands still, and is not called stale.
        dagster_url: where Dagster's pages are; without one there are no links.
    """
    there = all(reads.has_table(f"{shared.SCHEMA}.{view}") for view in ("runs", "check_results"))
    runs = reads.rows(shared.RUNS, limit=_RUNS) if there else []
    checks = reads.rows(shared.FAILED_CHECKS) if there else []
    title = "Does the pipeline run?"
    return [
        _freshness(reads, publication, is_simulated, dagster_url),
        section(
            title,
            _last_run(runs, dagster_url),
            html.H3("Checks that fail"),
            _checks(checks, dagster_url),
            html.H3("The last runs"),
            _runs(runs, dagster_url),
            says="As it is now, whichever week is shown. A week is published only where every check that blocks has "
            "passed; a check that warns asks somebody to look.",
            wide=True,
        )
        if there
        else section(title, empty("Not known yet", html.P("The next publication shows readers runs and checks."))),
    ]


def _link(base: str, path: str, *words: Any) -> Any:
    return html.A(list(words), href=f"{base.rstrip('/')}{path}") if base else html.Span(list(words))


def _run(base: str, run_id: str) -> Any:
    return _link(base, f"/runs/{quote(run_id, safe='')}", run_id[:8])


def _check(base: str, row: Row) -> Any:
    asset, check = (quote(row[name], safe="") for name in ("asset", "check_name"))
    return _link(base, f"/assets/{asset}?view=checks&checkDetail={check}", row["check_name"].replace("_", " "))


def _state(row: Row) -> str:
    if row["state"] == "failed":
        return f"failed at {row['failed_step'].replace('_', ' ')}" if row["failed_step"] else "failed"
    return _STATES.get(row["state"]) or str(row["state"])


def _last_run(runs: Sequence[Row], base: str) -> html.Div | None:
    last = next((row for row in runs if row["ended_at"] is not None), None)
    if last is None:
        return None
    if last["state"] == "failed":
        says = f"The last run {_state(last)} on {minute(last['ended_at'])}. Why, stands in Dagster: run "
        return note(says, _run(base, last["run_id"]), ".", kind="warning")
    return note(f"The last run ended on {minute(last['ended_at'])}: {_state(last)}.", kind="good")


def _checks(failed: Sequence[Row], base: str) -> html.Div:
    if not failed:
        return note("No check fails.", kind="good")
    columns = ("Check", "Of", "Effect", "Weeks", "What it says", "Checked on")
    body = [
        (
            _check(base, row),
            row["asset"].replace("_", " "),
            html.B("blocks", className="bad") if row["blocking"] else "warns",
            number(row["weeks_failing"]),
            _says(row["description"]),
            minute(row["checked_at"]),
        )
        for row in failed
    ]
    blocking = sum(row["blocking"] for row in failed)
    says = f"{len(failed)} of {failed[0]['checks']:,} checks fail; {blocking or 'none'} of them blocks what follows."
    return html.Div([html.P(says), table(columns, body, "Checks that fail", (3,))])


def _says(description: str) -> Any:
    if len(description) <= _LETTERS:
        return html.Div(description, className="words")
    return html.Details([html.Summary(f"{description[:_LETTERS]} ..."), description], className="words")


def _runs(runs: Sequence[Row], base: str) -> html.Div:
    if not runs:
        return note("No run is known yet: they are written down from the next one on.")
    body = [
        (
            minute(row["begun_at"] or row["ended_at"]),
            html.Span(_state(row), className="bad" if row["state"] == "failed" else ""),
            f"{day(row['first_week'])} to {day(row['last_week'])}" if row["assets"] else NONE,
            number(row["assets"]),
            number(row["rows"]),
            _duration(row),
            _run(base, row["run_id"]),
        )
        for row in runs
    ]
    columns = ("Began on", "How it ended", "Weeks stored", "Tables", "Rows", "Seconds", "Run")
    return table(columns, body, "The last runs", (3, 4, 5))


def _duration(row: Row) -> str:
    known = row["begun_at"] is not None and row["ended_at"] is not None
    return number((row["ended_at"] - row["begun_at"]).total_seconds()) if known else NONE


def _freshness(reads: Reads, publication: Publication, is_simulated: bool, base: str) -> html.Section:
    today = datetime.now(UTC)
    weeks = reads.rows(shared.WEEKS)
    newest = max([publication.week, *(row["week"] for row in weeks)])
    behind = (last_complete_week(today) - newest).days // WEEK.days
    inspection = next(iter(reads.rows(queries.NEWEST_INSPECTION)), {"day": None})["day"]
    late = behind >= _STALE_WEEKS and not is_simulated
    says = f"The newest list knows everything up to {day(newest + WEEK)}; today is {day(today.astimezone(CHICAGO))}."
    if inspection is not None:
        ago = (today.astimezone(CHICAGO).date() - inspection).days
        says += f" The newest inspection in the data is of {day(inspection)}, {ago:,} days ago."
    if is_simulated:
        says += " A simulated city stands still where it was made."
    body = [
        (minute(row["moved_at"]), row["kind"], row["moved_by"], day(row["from_week"]), day(row["to_week"]), row["why"])
        for row in reads.rows(shared.MOVES, limit=_MOVES)
    ]
    published = [
        (
            day(row["week"] + WEEK),
            "yes" if row["is_shown"] else "",
            minute(row["published_at"]),
            number(row["rows"]),
            row["code_version"] or NONE,
            _run(base, row["run_id"]),
        )
        for row in weeks[:_RUNS]
    ]
    columns = ("List for the week of", "What readers see", "Published on", "Lines of its lists", "Code", "Run")
    return section(
        "How fresh is this?",
        note(
            says,
            f" That is {behind} weeks behind: look below at what stopped." if late else "",
            kind="warning" if late else "good",
        ),
        html.H3("What was published"),
        table(columns, published, "Published lists", (3,)),
        more(
            "Who moved what readers see, and why",
            table(("When", "What", "Who", "From", "To", "Why"), body, "Moves of the pointer"),
        ),
        wide=True,
    )
