import math
from collections.abc import Callable
from datetime import date
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster import frames
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.modeling.explanations import (
    ALIKE,
    LEAST_SHARE,
    area_notes,
    by_subject,
    reasons,
    rests_on,
)
from food_inspections_dagster.modeling.persistence import FittedModel
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features, Schedule
from food_inspections_dagster_tests.modeling.cases import model_at

FEATURES: Features = (
    ("rate", "numeric"),
    ("sparse", "numeric"),
    ("noise", "numeric"),
    ("kind", "categorical"),
)


def _phrase(name: str) -> Callable[[object], str]:
    return lambda value: f"{name} is unknown" if value is None else f"{name} is {value}"


PHRASES = {name: _phrase(name) for name, _ in FEATURES}


@pytest.fixture(scope="module")
def models(specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame) -> dict[str, FittedModel]:
    return {name: model_at(spec, FEATURES, schedule, rows, date(2010, 10, 4)) for name, spec in specs.items()}


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_what_sets_a_row_apart_is_named_first(name: str, models: dict[str, FittedModel], rows: pd.DataFrame) -> None:
    some = rows.iloc[-40:].reset_index(drop=True)
    why = reasons(models[name], some, PHRASES, top=2)
    contributions = models[name].contributions(some)
    window = models[name].card["training_window"]
    raised = models[name].predict(some) >= window["positives"] / window["rows"]
    assert raised.any() and not raised.all() and why["row"].nunique() > 30
    for row in why["row"].unique():
        part = why.loc[why["row"] == row]
        terms = contributions[int(row)]
        sign = 1 if raised[int(row)] else -1
        least = LEAST_SHARE * max(terms * sign)
        order = np.argsort(-terms * sign, kind="stable")[:2]
        strongest = [FEATURES[i][0] for i in order if terms[i] * sign > 0 and terms[i] * sign >= least]
        # The first ten lines may begin otherwise.
        assert row < 10 or part["feature"].tolist() == strongest
        assert part["place"].tolist() == list(range(1, len(part) + 1))
        strongest = part["feature"].tolist()
        assert set(part["direction"]) == {"raises" if sign > 0 else "lowers"}
        assert part["contribution"].tolist() == pytest.approx(
            [terms[[n for n, _ in FEATURES].index(f)] for f in strongest]
        )


def test_reasons_follow_the_signal(models: dict[str, FittedModel], rows: pd.DataFrame) -> None:
    some = rows.iloc[:2].copy()
    some["rate"] = pd.Series([0.95, 0.0]).astype(rows["rate"].dtype).array
    # Both typical in what is noise, or a close call of kNN could name it.
    some["sparse"] = some["noise"] = pd.Series([0.0, 0.0]).astype(rows["noise"].dtype).array
    some["kind"] = pd.Series(["Grocery Store", "Restaurant"]).astype(rows["kind"].dtype).array
    for name in ALGORITHMS:
        why = reasons(models[name], some, PHRASES, top=1)
        assert why["feature"].tolist() == ["rate", "rate"]
        assert why["direction"].tolist() == ["raises", "lowers"]
        assert why["phrase"][0].startswith("rate is 0.94") or why["phrase"][0].startswith("rate is 0.95")


def test_unknown_values_reach_the_phrase_as_none(models: dict[str, FittedModel], rows: pd.DataFrame) -> None:
    some = rows.iloc[:30].assign(
        rate=pd.Series([None] * 30).astype(rows["rate"].dtype).array,
        kind=pd.Series([None] * 30).astype(rows["kind"].dtype).array,
    )
    why = reasons(models["xgboost"], some, PHRASES, top=4)
    of_rate = why.loc[why["feature"] == "rate"]
    assert len(of_rate) and set(of_rate["phrase"]) == {"rate is unknown"} and of_rate["value"].isna().all()


def test_baseline_has_one_reason(models: dict[str, FittedModel], rows: pd.DataFrame) -> None:
    assert set(reasons(models["baseline"], rows.head(50), PHRASES, top=3)["feature"]) == {"rate"}


def test_no_rows_no_reasons(models: dict[str, FittedModel], rows: pd.DataFrame) -> None:
    nothing = reasons(models["knn"], rows.head(0), PHRASES)
    assert nothing.empty and nothing.dtypes.equals(reasons(models["knn"], rows.head(3), PHRASES).dtypes)


# ---------------------------------------------------------------------- about the place first

NAMES = ("visits", "failures", "rate", "near", "zip", "month")
ABOUT = {"near": "surroundings", "zip": "surroundings", "month": "season"}


class _Model:
    """A model whose contributions are known."""

    features = tuple((name, "numeric") for name in NAMES)
    card: ClassVar[dict[str, dict[str, int]]] = {"training_window": {"positives": 1, "rows": 4}}

    def __init__(self, contributions: list[list[float]], score: float = 0.9) -> None:
        self.terms, self.score = np.array(contributions, dtype=float), score

    def contributions(self, rows: object) -> np.ndarray:
        return self.terms

    def predict(self, rows: object) -> np.ndarray:
        return np.full(len(self.terms), self.score)


def _rows(count: int) -> pd.DataFrame:
    values = {name: [float(10 * row + at) for row in range(count)] for at, name in enumerate(NAMES)}
    return frames.table(values, dict.fromkeys(NAMES, pa.float32()))


def _lines(terms: list[list[float]], **options: Any) -> list[list[str]]:
    phrases = {name: _phrase(name) for name in NAMES}
    why = reasons(_Model(terms, options.pop("score", 0.9)), _rows(len(terms)), phrases, about=ABOUT, **options)  # type: ignore[arg-type]
    return [why.loc[why["row"] == row, "feature"].tolist() for row in range(len(terms))]


def test_reasons_of_the_place_come_first_and_its_surroundings_once() -> None:
    assert _lines(
        [
            [0.2, 0.3, 0.1, 0.9, 0.8, 0.7],  # three of the place, though weaker
            [0.0, 0.3, 0.1, 0.9, 0.8, 0.7],  # two of the place are enough
            [0.0, 0.3, 0.0, 0.8, 0.9, 0.7],  # one, and the stronger one of the surroundings
            [0.0, 0.0, 0.0, 0.8, 0.9, 0.7],  # nothing of the place: still one of the surroundings only
            [0.0, 0.0, -0.1, 0.0, 0.0, 0.7],  # season only where there is nothing else
            [0.04, 0.0, 0.0, 0.9, 0.0, 0.0],  # what adds next to nothing is no reason
            [-0.1, 0.0, 0.0, 0.0, 0.0, 0.0],
        ]
    ) == [["failures", "visits", "rate"], ["failures", "rate"], ["failures", "zip"], ["zip"], ["month"], ["near"], []]
    assert _lines([[-0.2, 0.3, -0.1, -0.9, 0.8, 0.7]], score=0.1) == [["visits", "rate"]]


def test_a_line_has_one_reason_of_a_subject() -> None:
    subject = {"failures": "results", "rate": "results"}
    assert _lines([[0.2, 0.3, 0.25, 0.1, 0, 0]], subject=subject) == [["failures", "visits"]]


def test_features_of_a_subject_speak_with_one_voice() -> None:
    subject = {"visits": "past", "failures": "past", "rate": "past", "zip": "area", "near": "area"}
    terms = np.array(
        [
            [
                0.5,
                -0.4,
                0.2,
                0.1,
                0.3,
                0.7,
            ],  # what one adds another takes away: the sum, at the loudest in its direction
            [0.5, -0.9, 0.2, -0.2, 0.2, -0.7],
            [0.1, 0.1, 0.0, -0.3, -0.1, 0.0],  # of equals the first
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        ]
    )
    expected = [
        [0.3, 0, 0, 0, 0.4, 0.7],
        [0, -0.2, 0, 0, 0, -0.7],
        [0.2, 0, 0, -0.4, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    joined = by_subject(_Model([[0.0] * 6]), terms, subject)  # type: ignore[arg-type]
    assert joined == pytest.approx(np.array(expected))
    assert joined.sum(axis=1) == pytest.approx(terms.sum(axis=1)), "the score is explained as before"
    assert np.array_equal(by_subject(_Model([[0.0] * 6]), terms, {}), terms)  # type: ignore[arg-type]
    assert by_subject(_Model([[0.0] * 6]), terms[:0], subject).shape == (0, 6)  # type: ignore[arg-type]


def _sided(values: list[float], terms: list[float], **options: Any) -> list[str]:
    """Reasons of one row, where more of visits, failures and rate speaks against a place."""
    rows = frames.table(
        {name: [value] for name, value in zip(NAMES, values, strict=True)}, dict.fromkeys(NAMES, pa.float32())
    )
    worse = {"visits": 1, "failures": 1, "rate": -1}
    phrases = {name: _phrase(name) for name in NAMES}
    model = _Model([terms], options.pop("score", 0.9))
    return reasons(model, rows, phrases, worse=worse, **options)["feature"].tolist()  # type: ignore[arg-type]


def test_what_its_words_contradict_is_no_reason() -> None:
    """A list once said of its second place that past visits had found fewer violations: a model's accident."""
    terms = [0.5, 0.4, 0.3, 0.0, 0.0, 0.0]
    assert _sided([1, 1, -1, 0, 0, 0], terms) == ["visits", "failures", "rate"]
    assert _sided([-1, 1, -1, 0, 0, 0], terms) == ["failures", "rate"]
    assert _sided([0, -1, 1, 0, 0, 0], terms) == []
    assert _sided([-1, 1, 1, 0, 0, 0], [-0.5, -0.4, -0.3, 0, 0, 0], score=0.1) == ["visits", "rate"]
    assert _sided([math.nan, 1, 1, 0, 0, 0], terms) == ["visits", "failures"]


def test_a_place_high_on_the_list_is_there_for_what_raises_its_risk() -> None:
    terms = [0.2, -0.5, 0.0, 0.0, 0.0, 0.0]
    assert _sided([1, -1, 1, 0, 0, 0], terms, score=0.1) == ["failures"]
    assert _sided([1, -1, 1, 0, 0, 0], terms, score=0.1, first_places=1) == ["visits"]


def test_of_a_subject_speaks_what_its_words_allow() -> None:
    rows = frames.table(
        {name: [value] for name, value in zip(NAMES, [-1, 1, 1, 0, 0, 0], strict=True)},
        dict.fromkeys(NAMES, pa.float32()),
    )
    subject = dict.fromkeys(("visits", "failures", "rate"), "past")
    worse = dict.fromkeys(("visits", "failures"), 1)
    terms = np.array([[0.5, 0.2, -0.1, 0, 0, 0]])
    (line,) = by_subject(_Model([[0.0] * 6]), terms, subject, rows, worse)  # type: ignore[arg-type]
    assert line.tolist() == pytest.approx([0, 0.6, 0, 0, 0, 0])
    nobody = by_subject(_Model([[0.0] * 6]), terms, subject, rows.assign(failures=rows["visits"]), worse)  # type: ignore[arg-type]
    assert nobody[0].tolist() == pytest.approx([0.6, 0, 0, 0, 0, 0]), "it is left to ``reasons`` to leave it out"


def test_the_first_ten_never_all_begin_alike() -> None:
    terms = [[0.2, 0.3, 0.1, 0.0, 0.4, 0.0]] * 12
    lines = _lines(terms)
    first = [line[0] for line in lines]
    assert first[:10] == ["failures"] * 3 + ["visits"] * 3 + ["rate"] * 3 + ["failures"]
    assert first[10:] == ["failures"] * 2 and all(set(line) == {"visits", "failures", "rate"} for line in lines)
    # The fault: nothing but the zip code. Who has another reason begins with that.
    terms = [[0.0, 0.0, 0.0, 0.1 * (row > 1), 0.9, 0.0] for row in range(10)]
    first = [line[0] for line in _lines(terms)]
    assert first[:6] == ["zip"] * 3 + ["near"] * 3 and max(first.count(name) for name in set(first)) <= 7
    subject = {"failures": "results", "visits": "results"}
    lines = _lines([[0.2, 0.3, 0.0, 0.0, 0.4, 0.0]] * 5, subject=subject)
    assert lines == [["failures", "zip"]] * ALIKE + [["visits", "zip"]] * 2
    assert lines == _lines([[0.2, 0.3, 0.0, 0.0, 0.4, 0.0]] * 5, subject=subject)


def test_where_nothing_is_varied_a_line_does_not_depend_on_the_others() -> None:
    terms = [[0.2, 0.3, 0.1, 0.0, 0.4, 0.0]] * 12
    lines = _lines(terms, varied=0)
    assert lines == [_lines(terms[:1])[0]] * 12 and {line[0] for line in lines} == {"failures"}


def test_an_area_is_spoken_of_once() -> None:
    terms = [[0.9, 0, 0, 0.1, 0.4, 0]] * 3 + [[0.9, 0, 0, 0.4, 0.1, 0]] * 2 + [[0.9, 0, 0, -0.1, 0.0, 0]] * 2
    areas = ["60611", "60611", None, "60601", "60611", "60622", "60622"]
    phrases = {name: _phrase(name) for name in NAMES}
    notes = area_notes(_Model(terms), _rows(7), areas, phrases, ABOUT)  # type: ignore[arg-type]
    # 60622 has nothing that raises its risk; the place without an area none to speak of.
    assert notes["area"].tolist() == ["60611", "60601"] and notes["rows"].tolist() == [3, 1]
    assert notes["sentence"].tolist() == ["60611: zip is 14.0", "60601: near is 33.0"]
    assert notes["contribution"].tolist() == pytest.approx([0.3, 0.4])
    assert area_notes(_Model(terms), _rows(7), areas, phrases, {}).empty  # type: ignore[arg-type]
    assert area_notes(_Model(terms[5:]), _rows(2), areas[5:], phrases, ABOUT).empty  # type: ignore[arg-type]


def test_what_rests_on_little_is_said() -> None:
    assert rests_on(np.array([0, 1, 2, 2, 1]), np.array([True, True, True, False, False])) == [
        "never inspected before",
        "known from one visit only",
        None,
        "its location is unknown",
        "known from one visit only; its location is unknown",
    ]
