from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster import frames
from food_inspections_dagster.modeling.fairness import standing, with_attributes
from food_inspections_dagster.modeling.fairness.audits import audit
from food_inspections_dagster.modeling.fairness.standing import groups_outside
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import OUTSIDE
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.modeling.cases import BACKTEST_TYPES

WEEK_0 = date(2014, 1, 6)
WEEKS = [WEEK_0 + WEEK * 9, WEEK_0 + WEEK * 19]
RULE = AuditRule(attributes=("side",), references={}, evaluation_weeks=10, min_group_size=20)
SIDES = ("Central", "North", "South")


def _rows(listed_first: str | None, weeks: int = 20, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of which one side's stand first on every list of the second half, and their attributes."""
    rng = np.random.default_rng(seed)
    n = weeks * 60
    side = rng.choice(SIDES, n)
    late = np.arange(n) >= n // 2
    values = {
        "week": [WEEK_0 + WEEK * (i // 60) for i in range(n)],
        "inspection_id": np.arange(n),
        "establishment_id": [f"L{i}" for i in range(n)],
        "inspection_date": [WEEK_0 + WEEK * (i // 60) + timedelta(days=i % 5) for i in range(n)],
        "model_id": ["m"] * n,
        "score": rng.random(n) / 2 + (late & (side == listed_first)) / 2,
        "label": rng.random(n) < 0.3,
    }
    attributes = frames.table(
        {"inspection_id": np.arange(n), "side": side}, {"inspection_id": pa.int64(), "side": pa.string()}
    )
    return frames.table(values, BACKTEST_TYPES), attributes.sample(frac=1, random_state=1)


def test_groups_outside_the_bounds_are_counted_by_week_and_model_group() -> None:
    even, attributes = _rows(None)
    uneven, _ = _rows("North")
    backtests = {"even": even, "uneven": uneven}
    count = groups_outside(backtests, attributes, RULE, WEEKS)
    assert count(WEEKS[0], "uneven") == count(WEEKS[0], "even") == 0
    assert count(WEEKS[1], "even") == 0 and count(WEEKS[1], "uneven") >= 1
    for week in WEEKS:
        for group, rows in backtests.items():
            days = frames.days(rows["week"])
            window = rows.loc[(days > np.datetime64(week - WEEK * 10)) & (days <= np.datetime64(week))]
            verdicts = audit(with_attributes(window, attributes), RULE, week).verdicts
            assert count(week, group) == (verdicts["verdict"] == OUTSIDE).sum()


def test_only_what_is_asked_for_is_audited_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, attributes = _rows("North")
    audited: list[str] = []
    original = standing.audit_weeks

    def counted(of: dict[str, pd.DataFrame], *more: object, **options: object) -> object:
        audited.extend(of)
        return original(of, *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(standing, "audit_weeks", counted)
    count = groups_outside({"a": rows, "b": rows}, attributes, RULE, WEEKS)
    assert not audited
    assert [count(week, "a") for week in WEEKS * 2] == [count(week, "a") for week in WEEKS] * 2
    assert audited == ["a"]


def test_an_audit_for_verdicts_alone_gives_the_verdicts_of_a_whole_one() -> None:
    rows, attributes = _rows("North")
    audited = {"a": with_attributes(rows, attributes)}
    whole, alone = (
        standing.audit_weeks(audited, RULE, dict.fromkeys(WEEKS, "a"), judged_only=only) for only in (False, True)
    )
    assert alone.verdicts.equals(whole.verdicts) and alone.overall == whole.overall
    assert OUTSIDE in set(alone.verdicts["verdict"])
    others = ["majority_reference", "majority_disparity", "minimum_reference", "minimum_disparity"]
    assert alone.table[others].isna().all(axis=None)
    assert alone.table.drop(columns=others).equals(whole.table.drop(columns=others))
