"""One establishment: where it stands on the lists and why, and its history with every violation."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard import queries
from food_inspections_dagster.serving.dashboard.parts import (
    RISKS,
    between,
    day,
    empty,
    label_words,
    note,
    number,
    percent,
    title_case,
)
from food_inspections_dagster.serving.store import Publication, Reads, Row
from food_inspections_dagster.weeks import WEEK

_INSPECTIONS = 60
_LISTS = 24
_BAD = ("Fail", "Out of Business")


def establishment(reads: Reads, publication: Publication, establishment_id: str, heading: Any = html.H2) -> html.Div:
    """Return what is known of an establishment, as a page or as a panel beside the list."""
    values = {"week": publication.week, "establishment_id": establishment_id}
    known = reads.row(shared.ESTABLISHMENT, **values)
    if known is None:
        return html.Div(
            empty("No such place", html.P("No establishment has this number: look for it by name on the list."))
        )
    on_lists = reads.rows(queries.PLACE_ON_LISTS, **values)
    sizes = {
        row["label"]: reads.row(queries.LIST_SIZE, week=publication.week, label=row["label"])["places"]  # type: ignore[index]
        for row in on_lists
    }
    visits = reads.rows(shared.INSPECTIONS_OF, limit=_INSPECTIONS, **values)
    cited: dict[int, list[Row]] = {}
    if visits:
        weeks, numbers = [one["week"] for one in visits], [one["inspection_id"] for one in visits]
        for violation in reads.rows(shared.VIOLATIONS_OF, weeks=weeks, inspection_ids=numbers):
            cited.setdefault(violation["inspection_id"], []).append(violation)
    past = reads.rows(shared.SCORES_OF, limit=_LISTS, **values)
    return html.Div(
        [
            heading(title_case(known["dba_name"]), id="place-name"),
            html.P(
                f"{title_case(known['address'])}, {known['zip'] or 'zip code unknown'} · {known['facility_type']} · "
                f"risk class {RISKS.get(known['risk'], 'unknown')} · {title_case(known['community_area'])}"
            ),
            *(_on_list(row, sizes[row["label"]]) for row in on_lists),
            None if on_lists else note("Not on this week's list: it was not active at the end of the week before."),
            *_history(visits, cited),
            *_lists_before(past, publication),
        ],
        className="place",
    )


def _on_list(row: Row, places: int) -> html.Section:
    reasons = [row[name] for name in ("reason_1", "reason_2", "reason_3") if row[name]]
    low_high = between(row["expected_find_low"], row["expected_find_high"], 0, 100)
    return html.Section(
        [
            html.H3(f"The chance that it {label_words(row['label'])}"),
            html.P(
                [
                    html.Strong(percent(row["expected_find"]), className="big"),
                    f" at a usual visit{f', likely {low_high}%' if low_high else ''}. Place "
                    f"{row['rank']:,} of {places:,}. ",
                    f"With average surroundings it would be {percent(row['own_risk'])}.",
                ]
            ),
            html.H4("Why"),
            html.Ul([html.Li(one) for one in reasons] or [html.Li("Nothing sets it apart from others.")]),
            note("Caution: ", row["caution"], ".", kind="warning") if row["caution"] else None,
        ]
    )


def _history(visits: Sequence[Row], cited: Mapping[int, Sequence[Row]]) -> list[Any]:
    if not visits:
        return [html.H3("Visits so far"), html.P("None: it has never been visited.")]
    more = f", the newest {_INSPECTIONS}" if len(visits) == _INSPECTIONS else ""
    return [html.H3(f"Visits so far: {len(visits)}{more}"), *(_visit(one, cited) for one in visits)]


def _visit(visit: Row, cited: Mapping[int, Sequence[Row]]) -> html.Details:
    counts = [f"{visit[f'{name}_count']} {name}" for name in ("critical", "serious", "minor") if visit[f"{name}_count"]]
    again = ", again" if visit["is_reinspection"] else ""
    violations = cited.get(visit["inspection_id"], ())
    return html.Details(
        [
            html.Summary(
                [
                    html.Span(day(visit["inspection_date"]), className="when"),
                    html.Span(visit["results"], className="bad" if visit["results"] in _BAD else "result"),
                    html.Span(f"{visit['inspection_type']}{again}; {', '.join(counts) or 'no violations'}"),
                ]
            ),
            html.Ul([_violation(one) for one in violations])
            if violations
            else html.P("No violation is written down for this visit."),
        ]
    )


def _violation(one: Row) -> html.Li:
    return html.Li(
        [html.B(one["severity"]), f" {one['code']}: {one['title']}", html.P(one["comment"]) if one["comment"] else None]
    )


def _lists_before(past: Sequence[Row], publication: Publication) -> list[Any]:
    earlier = [row for row in past if row["week"] < publication.week]
    if not earlier:
        return []
    return [
        html.H3("On earlier lists"),
        html.Ul(
            [
                html.Li(
                    f"Week of {day(row['week'] + WEEK)}: place {number(row['rank'])}, chance "
                    f"{percent(row['expected_find'])} that it {label_words(row['label'])}"
                )
                for row in earlier
            ]
        ),
    ]
