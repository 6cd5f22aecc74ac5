"""The page on what came: predicted against found, in training and in production; drift; how the pipeline does."""

from collections.abc import Sequence
from typing import Any

from dash import html

from food_inspections_dagster.catalog import DRIFT, OUTCOMES
from food_inspections_dagster.serving.dashboard import figures, pipeline, queries
from food_inspections_dagster.serving.dashboard.filters import Filters
from food_inspections_dagster.serving.dashboard.monday import labels_of, with_label
from food_inspections_dagster.serving.dashboard.parts import (
    between,
    choose,
    day,
    empty,
    label_words,
    long_table,
    note,
    number,
    page,
    percent,
    picture,
    section,
    title_case,
)
from food_inspections_dagster.serving.store import Publication, Reads, Row
from food_inspections_dagster.weeks import WEEK

_VERDICTS = {"below the promise": "warning", "as promised": "good", "above the promise": "good"}
_KINDS = {"facility_type": "kind of place", "side": "side of the city", "community_area": "community area"}


def layout(reads: Reads, publication: Publication, filters: Filters, is_simulated: bool, dagster_url: str) -> html.Div:
    """Return the page.

    Args:
        is_simulated: a simulated city stands still, and is not called stale.
        dagster_url: where Dagster's pages are; without one there are no links.
    """
    labels = labels_of(reads, publication)
    filters = with_label(filters, labels)
    options = [{"label": label_words(one), "value": one} for one in labels]
    return page(
        "What came of the lists?",
        f"What the visits after each list found, against what it had foreseen: places where a visit "
        f"{label_words(filters.label or '')}.",
        html.Form(choose("The chance that it ...", "page-label", options, filters.label), className="controls"),
        *_outcomes(reads, publication, filters),
        *_drift(reads, publication),
        *pipeline.sections(reads, publication, is_simulated, dagster_url),
        name="monitoring",
    )


def _outcomes(reads: Reads, publication: Publication, filters: Filters) -> list[Any]:
    if not reads.has_table(str(OUTCOMES)):
        return [_absent("What came of the lists", "outcomes")]
    kinds = ["all", *_KINDS]
    values = {"week": publication.week, "label": filters.label, "kinds": kinds}
    rows = reads.rows(queries.OUTCOMES_OVER_TIME, **values)
    if not rows:
        return [empty("No list has come true yet", html.P("A list is compared with the visits of the week after it."))]
    newest = rows[-1]["week"]
    everything = [row for row in rows if row["subset_kind"] == "all"]
    out = [_promise(everything[-1]), _all_over_time(everything)]
    for kind in _KINDS:
        of_kind = [row for row in rows if row["subset_kind"] == kind]
        if of_kind:
            out.append(_by_group(kind, of_kind, newest))
    return out


def _promise(row: Row) -> html.Div:
    came = (
        f"In the weeks up to {day(row['week'])}, {number(row['window_inspections'])} visits: ranking (AUC) "
        f"{number(row['roc_auc'], 3)}, promised {number(row['promised_roc_auc'], 3)}; finds at the top "
        f"{percent(row['precision_at_k'], 1)}, promised {percent(row['promised_precision_at_k'], 1)}."
    )
    return note(
        html.B(f"{(row['verdict'] or 'not judged').capitalize()}. "), came, kind=_VERDICTS.get(row["verdict"], "")
    )


def _all_over_time(rows: Sequence[Row]) -> html.Section:
    weeks = [row["week"] for row in rows]
    series = {
        "found share": (weeks, [row["found_share"] for row in rows]),
        "predicted share": (weeks, [row["predicted_share"] for row in rows]),
        "trained share": (weeks, [row["training_found_share"] for row in rows]),
    }
    says = (
        "Predicted share: mean chance of the visits of the weeks before. Found share: where something was found. "
        "Trained share: the share of finds in the visits that the model learnt from."
    )
    figure = figures.lines(series, "share of visits", "found share", tickformat=".0%", rangemode="tozero")
    earlier = [row["list_mean_days_earlier"] for row in rows]
    days = figures.lines({"days earlier": (weeks, earlier)}, "days earlier")
    return section(
        "Predicted and found, over time",
        html.Div(
            [
                picture(figure, says, "outcomes-over-time"),
                picture(
                    days,
                    "Days by which finds would have come earlier, had the visits of a window been put in the order "
                    "of the lists.",
                    "outcomes-days",
                ),
            ],
            className="pair",
        ),
        wide=True,
    )


def _by_group(kind: str, rows: Sequence[Row], newest: Any) -> html.Section:
    now = sorted((row for row in rows if row["week"] == newest), key=lambda row: -row["window_inspections"])
    body = [
        (
            title_case(row["subset"]),
            number(row["window_inspections"]),
            percent(row["predicted_share"], 1),
            percent(row["found_share"], 1),
            between(row["found_share_low"], row["found_share_high"], 0, 100),
            percent(row["training_predicted_share"], 1),
            percent(row["training_found_share"], 1),
            number(row["list_mean_days_earlier"], 1, signed=True),
        )
        for row in now
    ]
    columns = (
        *(_KINDS[kind].capitalize(), "Visits", "Predicted share", "Found share", "likely between, %"),
        *("Trained: predicted share", "Trained share", "Days earlier"),
    )
    groups = [row["subset"] for row in now[:6]]
    series = {
        title_case(group): (
            [row["week"] for row in rows if row["subset"] == group],
            [
                row["predicted_share"] - row["found_share"]
                for row in rows
                if row["subset"] == group
                if row["predicted_share"] is not None and row["found_share"] is not None
            ],
        )
        for group in groups
    }
    says = "Predicted share minus found share: above zero more was foreseen than found, below it less."
    figure = figures.lines(series, "predicted minus found", tickformat="+.0%")
    return section(
        f"By {_KINDS[kind]}",
        long_table(columns, body, f"Predicted share and trained share by {_KINDS[kind]}", range(1, 8))
        if body
        else None,
        picture(figure, says, f"outcomes-{kind.replace('_', '-')}") if any(x for x, _ in series.values()) else None,
        says=f"Visits of {day(now[0]['window_first'])} to {day(newest + WEEK)}. Trained: the visits that the model "
        "learnt from; a share that differs much from it is a change in the city, or in how it inspects."
        if now
        else None,
        wide=True,
    )


def _drift(reads: Reads, publication: Publication) -> list[Any]:
    if not reads.has_table(str(DRIFT)):
        return [_absent("What has moved", "drift")]
    rows = reads.rows(queries.NEWEST_DRIFT, week=publication.week)
    if not rows:
        return [empty("Nothing to compare yet", html.P("Drift is measured once a model has been in use for a week."))]
    moved = [row for row in rows if row["verdict"] == "drift"]
    scores = reads.rows(queries.SCORE_DRIFT_OVER_TIME, week=publication.week)
    series: dict[str, tuple[list[Any], list[float | None]]] = {}
    for row in scores:
        x, y = series.setdefault(label_words(row["name"]), ([], []))
        x.append(row["week"])
        y.append(row["psi"])
    body = [
        (
            row["name"].replace("_", " "),
            "chance" if row["kind"] == "score" else "input",
            number(row["psi"], 2),
            number(row["psi_by_chance"], 2),
            number(row["js_distance"], 2),
            number(row["reference_mean"], 2),
            number(row["mean"], 2),
            row["verdict"],
        )
        for row in rows
    ]
    columns = (
        *("What", "Kind", "Moved by (PSI)", "by chance up to", "distance (JS)", "Mean before", "Mean now", "Verdict"),
    )
    says = "How far the chances of the lists have moved from those that the model was chosen on: 0 is not at all."
    return [
        section(
            "What has moved",
            html.P(f"{len(moved)} of {len(rows)} inputs and chances have moved by more than the settings allow."),
            picture(figures.lines(series, "moved by (PSI)", rangemode="tozero"), says, "drift-over-time")
            if series
            else None,
            long_table(columns, body, "Drift of inputs and chances", range(2, 7), first=max(5, len(moved))),
            says=f"Visits of {day(rows[0]['window_first'])} to {day(rows[0]['week'] + WEEK)} against those that the "
            "models were made on. Inputs such as the age of the records move by themselves as the records grow.",
            wide=True,
        )
    ]


def _absent(title: str, table_name: str) -> html.Div:
    return empty(title, html.P(f"The table {table_name} is not made yet: `make run` makes it where this project can."))
