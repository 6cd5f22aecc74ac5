"""The page on fairness: who is put on the list too often or too seldom, who gains days, and what a remedy costs."""

from collections.abc import Sequence
from typing import Any

from dash import html

from food_inspections_dagster.modeling.schemas import OUTSIDE, REFERENCE, TOO_SMALL, UNCERTAIN, UNDEFINED, WITHIN
from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard import figures
from food_inspections_dagster.serving.dashboard.filters import Filters
from food_inspections_dagster.serving.dashboard.monday import labels_of, with_label
from food_inspections_dagster.serving.dashboard.parts import (
    NONE,
    between,
    choose,
    day,
    label_words,
    more,
    note,
    number,
    page,
    percent,
    picture,
    section,
    table,
    title_case,
)
from food_inspections_dagster.serving.store import Publication, Reads, Row

#: Metrics that the audit judges, in words.
METRICS = {
    "fpr": ("Visited without need", "of the places that would pass, the share that is put on the list"),
    "fdr": ("Nothing found", "of the places on the list, the share where nothing is found"),
    "fnr": ("Missed", "of the places with a find, the share that is not put on the list"),
    "for": ("Missed off the list", "of the places not on the list, the share with a find"),
}
ATTRIBUTES = {
    "facility_type": "Kind of place",
    "side": "Side of the city",
    "risk": "Risk class",
    "community_area": "Community area",
    "chain_or_single": "Chain or single place",
}
_COLOURS = {
    **{OUTSIDE: figures.RED, UNCERTAIN: figures.ORANGE, WITHIN: figures.GREEN},
    **{UNDEFINED: figures.GREY, REFERENCE: figures.BLUE, TOO_SMALL: figures.GREY},
}
_KINDS = {OUTSIDE: "warning", WITHIN: "good"}
_MOST = 25


def layout(reads: Reads, publication: Publication, filters: Filters, bounds: tuple[float, float]) -> html.Div:
    """Return the page.

    Args:
        bounds: of a disparity, between which a group is treated alike.
    """
    labels = labels_of(reads, publication)
    filters = with_label(filters, labels)
    values = {"week": publication.week, "label": filters.label, "attribute": None}
    report = [row for row in reads.rows(shared.BIAS, **values) if row["verdict"] is not None]
    verdicts = reads.rows(shared.VERDICTS, **values)
    effects = reads.rows(shared.EFFECTS, **values)
    prices = reads.rows(shared.PRICES, **values)
    overall = next((row for row in verdicts if row["attribute"] == "overall"), None)
    attributes = list(dict.fromkeys([*ATTRIBUTES, *(row["attribute"] for row in report)]))
    options = [{"label": label_words(one), "value": one} for one in labels]
    low, high = bounds
    return page(
        "Is the list fair?",
        f"Groups are compared with a reference group: treated alike means between {low:g} and {high:g} times as often. "
        f"Dots are measured, bars are where the true value likely lies. Something is found where a place "
        f"{label_words(filters.label or '')}.",
        html.Form(choose("The chance that it ...", "page-label", options, filters.label), className="controls"),
        _overall(overall, verdicts) if overall else None,
        _prices(prices),
        *(
            _attribute(attribute, report, verdicts, bounds)
            for attribute in attributes
            if any(row["attribute"] == attribute for row in verdicts)
        ),
        _effects(effects, "side"),
        _effects(effects, "community_area"),
        name="fairness",
    )


def _overall(overall: Row, verdicts: Sequence[Row]) -> html.Div:
    """Return who is surely treated otherwise, by attribute, and on demand the whole verdict."""
    groups: dict[str, list[str]] = {}
    for row in verdicts:
        if row["verdict"] == OUTSIDE and row["attribute"] != "overall":
            name = ATTRIBUTES.get(row["attribute"]) or row["attribute"].replace("_", " ")
            groups.setdefault(name, []).append(title_case(row["group"]))
    items = [html.Li([html.B(f"{name}: "), ", ".join(of)]) for name, of in groups.items()]
    return note(
        html.B(
            "Surely treated otherwise than the reference group:" if items else "No group is surely treated otherwise."
        ),
        html.Ul(items) if items else None,
        more("The verdict in full", html.P(overall["sentence"])),
        kind=_KINDS.get(overall["verdict"], "plain"),
    )


def _attribute(
    attribute: str, report: Sequence[Row], verdicts: Sequence[Row], bounds: tuple[float, float]
) -> html.Section:
    title: str = ATTRIBUTES.get(attribute) or attribute.replace("_", " ")
    judged = [row for row in verdicts if row["attribute"] == attribute and row["verdict"] not in (TOO_SMALL, None)]
    small = [row for row in verdicts if row["attribute"] == attribute and row["verdict"] == TOO_SMALL]
    children: list[Any] = []
    for metric, (name, says) in METRICS.items():
        rows = [
            row
            for row in report
            if row["attribute"] == attribute
            and row["metric"] == metric
            and row["disparity"] is not None
            and row["verdict"] not in (TOO_SMALL, REFERENCE)
        ][:_MOST]
        if rows:
            figure = figures.intervals(
                [title_case(row["group"]) for row in rows],
                [[row[f"disparity{end}"] for end in ("", "_low", "_high")] for row in rows],
                x=f"times {title_case(rows[0]['reference'])}",
                colours=[_COLOURS[row["verdict"]] for row in rows],
                line_at=1,
                bounds=bounds,
            )
            identifier = f"disparity-{attribute.replace('_', '-')}-{metric}"
            words = f"{name}: {says}. Green ground: alike. Red: surely not; orange: perhaps not."
            children.append(picture(figure, words, identifier, 90 + 40 * len(rows)))
    sentences = [
        html.Li([html.B(f"{title_case(row['group'])}: {row['verdict']}. "), row["sentence"]]) for row in judged
    ]
    body = [
        (
            title_case(row["group"]),
            METRICS.get(row["metric"], (row["metric"],))[0],
            number(row["group_size"]),
            percent(row["value"], 1),
            NONE if row["disparity"] is None else f"{row['disparity']:.2f}",
            between(row["disparity_low"], row["disparity_high"]),
            row["verdict"],
        )
        for row in report
        if row["attribute"] == attribute and row["verdict"] != TOO_SMALL
    ]
    columns = ("Group", "What", "Visits", "Share", "Times the reference", "likely between", "Verdict")
    return section(
        title,
        html.Div(children, className="pair") if children else None,
        more("In words", html.Ul(sentences)) if sentences else html.P("No group is large enough to judge."),
        more("In numbers", table(columns, body, f"Disparities: {title}", (2, 3, 4))) if body else None,
        html.P(f"{len(small)} more {'group is' if len(small) == 1 else 'groups are'} too small to judge.")
        if small
        else None,
        wide=True,
    )


def _effects(effects: Sequence[Row], attribute: str) -> html.Section | None:
    rows = [row for row in effects if row["attribute"] == attribute and row["days_earlier"] is not None]
    rows = sorted(rows, key=lambda row: -row["positives"])[:_MOST]
    rows.sort(key=lambda row: -row["days_earlier"])
    if not rows:
        return None
    title = f"Who gains, who waits: by {str(ATTRIBUTES[attribute]).lower()}"
    says = (
        "Days by which the visits that found something would have come earlier in the order of the list; left of "
        "the dotted line they would have come later."
    )
    figure = figures.intervals(
        [title_case(row["group"]) for row in rows],
        [[row[key] for key in ("days_earlier", "low", "high")] for row in rows],
        x="days earlier",
        line_at=0,
    )
    body = [
        (
            title_case(row["group"]),
            number(row["rows"]),
            number(row["positives"]),
            number(row["days_earlier"], 1, signed=True),
            between(row["low"], row["high"], 1),
        )
        for row in rows
    ]
    columns = ("Group", "Visits", "Finds", "Days earlier", "likely between")
    identifier = f"effects-{attribute.replace('_', '-')}"
    return section(
        title,
        picture(figure, says, identifier, 110 + 30 * len(rows)),
        more("In numbers", table(columns, body, title, (1, 2, 3))),
        says=f"Visits up to {day(rows[0]['week'])}; the groups with the most finds." if rows else None,
        wide=True,
    )


def _prices(prices: Sequence[Row]) -> html.Section | None:
    if not prices:
        return None
    columns = ("Remedy", "Finds without", "Finds with", "Days earlier without", "with", "Largest disparity", "with")
    names = {"quota": "Quotas", "rerank": "Re-ranking"}
    bases = {"cohort": "in proportion to the places", "expected_finds": "in proportion to expected finds"}
    body = [
        (
            f"{names[row['kind']]} by {ATTRIBUTES[row['attribute']].lower()}, {bases[row['basis']]}",
            number(row["finds_without"]),
            number(row["finds_with"]),
            number(row["days_without"], 1),
            number(row["days_with"], 1),
            number(row["disparity_without"], 2),
            number(row["disparity_with"], 2),
        )
        for row in prices
    ]
    return section(
        "What a remedy would cost",
        table(columns, body, "Price of each remedy", range(1, 7)),
        more("In words", html.Ul([html.Li(row["sentence"]) for row in prices])),
        says="The same past lists, made with each remedy: what it takes in finds and days, and what it gives in "
        "fairness. None is applied unless the settings say so.",
        wide=True,
    )
