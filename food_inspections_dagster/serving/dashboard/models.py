"""The page on models: how well they rank, whether their chances come true, and why this one is in use."""

import json
from collections.abc import Sequence
from typing import Any

from dash import html

from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard import figures
from food_inspections_dagster.serving.dashboard.filters import Filters
from food_inspections_dagster.serving.dashboard.monday import labels_of, with_label
from food_inspections_dagster.serving.dashboard.parts import (
    between,
    choose,
    day,
    label_words,
    more,
    number,
    page,
    percent,
    picture,
    plain,
    section,
    table,
)
from food_inspections_dagster.serving.store import Publication, Reads, Row

_EVALUATIONS = 5000


def layout(reads: Reads, publication: Publication, filters: Filters) -> html.Div:
    """Return the page."""
    labels = labels_of(reads, publication)
    filters = with_label(filters, labels)
    models = [row for row in reads.rows(shared.MODELS, week=publication.week) if row["label"] == filters.label]
    selected = next((row for row in models if row["is_selected"]), None)
    values = {"label": filters.label, "subset_kind": "all", "score": "expected_find", "limit": _EVALUATIONS}
    evaluations = reads.rows(shared.EVALUATIONS_OVER_TIME, week=publication.week, **values)
    using = f"In use is {plain(selected['model_group'])}." if selected else "No model is in use."
    return page(
        "How good is the list?",
        [
            f"Models are compared on visits that they had not seen. {using} ",
            f"Chances here: that a place {label_words(filters.label or '')}.",
        ],
        html.Form(
            choose("The chance that it ...", "page-label", _options(labels), filters.label), className="controls"
        ),
        _why(selected) if selected else None,
        _over_time(evaluations, selected),
        html.Div(
            [
                _intervals(models, "precision_at_k", "Finds among the places at the top", _PRECISION, percent=True),
                _intervals(models, "mean_days_earlier", "Days by which finds come earlier", _EARLIER),
            ],
            className="pair",
        ),
        _calibration(selected) if selected else None,
        _table(models),
        name="models",
    )


_PRECISION = (
    "Of the visits that fit into a week, taken from the top of the list, the share that found something. "
    "The bar is the range in which the true value likely lies; where bars overlap, do not read much into the order."
)
_EARLIER = "The same visits of a quarter, made in the order of the list: how much sooner what was found would come."


def _options(labels: Sequence[str]) -> list[dict[str, str]]:
    return [{"label": label_words(one), "value": one} for one in labels]


def _why(selected: Row) -> html.Section:
    return section(
        f"Why {plain(selected['model_group'])}",
        html.Ul([html.Li(plain(one)) for one in json.loads(selected["reasons"])]),
        more("The card of the model", html.Pre(_card(selected["card"]), tabIndex="0")) if selected["card"] else None,
    )


def _card(card: str) -> str:
    return json.dumps(json.loads(card), indent=1, ensure_ascii=False)


def _over_time(rows: Sequence[Row], selected: Row | None) -> html.Section | None:
    if not rows:
        return None
    length = max(row["test_weeks"] for row in rows)
    series: dict[str, tuple[list[Any], list[float | None]]] = {}
    for row in sorted((one for one in rows if one["test_weeks"] == length), key=lambda one: one["week"]):
        x, y = series.setdefault(plain(row["model_group"]), ([], []))
        x.append(row["week"])
        y.append(row["roc_auc"])
    group = plain(selected["model_group"]) if selected else None
    says = (
        f"The chance that the model puts a place with a find above one without, period by period of {length} weeks: "
        "0.5 is a coin, 1 is perfect. The thick orange line is the model in use."
    )
    figure = figures.lines(series, "ranking (AUC)", group, tickformat=".2f")
    newest = {name: (x[-1], y[-1]) for name, (x, y) in series.items()}
    rows_of = [(name, day(x), number(y, 3)) for name, (x, y) in sorted(newest.items())]
    return section(
        "Models over time",
        picture(figure, says, "models-over-time", 340),
        more("The newest period in numbers", table(("Model", "Period up to", "AUC"), rows_of, "AUC by model", (2,))),
        wide=True,
    )


def _intervals(rows: Sequence[Row], metric: str, title: str, says: str, percent: bool = False) -> html.Section:
    figure = figures.intervals(
        [plain(row["model_group"]) for row in rows],
        [[row[f"{metric}{end}"] for end in ("", "_low", "_high")] for row in rows],
        x="share of visits" if percent else "days",
        colours=[figures.ORANGE if row["is_selected"] else figures.BLUE for row in rows],
        line_at=None if percent else 0,
    )
    if percent:
        figure["layout"]["xaxis"]["tickformat"] = ".0%"
    return section(title, picture(figure, f"{says} Orange: the model in use.", f"models-{metric.replace('_', '-')}"))


def _calibration(selected: Row) -> html.Section | None:
    bins = json.loads(selected["calibration"])
    if not bins:
        return None
    says = (
        "Visits in ten groups, from the lowest chance to the highest. On the dotted line as much was found as was "
        "foreseen; above it more, below it less."
    )
    rows = [
        (
            str(one["bin"]),
            number(one["rows"]),
            percent(one["predicted"], 1),
            percent(one["observed"], 1),
            between(one["observed_low"], one["observed_high"], 0, 100),
        )
        for one in bins
    ]
    columns = ("Group", "Visits", "Foreseen", "Found", "Likely between, %")
    return section(
        "Do the chances come true?",
        picture(figures.calibration(bins), says, "models-calibration"),
        more("In numbers", table(columns, rows, "Foreseen and found", range(1, 5))),
    )


def _table(rows: Sequence[Row]) -> html.Section:
    columns = ("Model", "AUC", "likely between", "Finds at the top", "Finds reached", "Days earlier", "Brier score")
    body = [
        (
            f"{plain(row['model_group'])}{' (in use)' if row['is_selected'] else ''}",
            number(row["roc_auc"], 3),
            between(row["roc_auc_low"], row["roc_auc_high"], 3),
            percent(row["precision_at_k"], 1),
            percent(row["recall_at_k"], 1),
            number(row["mean_days_earlier"], 1),
            number(row["brier"], 3),
        )
        for row in rows
    ]
    window = f"{day(rows[0]['first_week'])} to {day(rows[0]['last_week'])}" if rows else ""
    says = f"{number(rows[0]['evaluated_rows'])} visits from {window}, each foreseen from earlier weeks only."
    return section(
        "All of them in numbers",
        table(columns, body, "Models compared", range(1, 7)),
        says=says if rows else None,
        wide=True,
    )
