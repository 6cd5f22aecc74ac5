from datetime import date

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.fairness.counts import AuditedRows
from food_inspections_dagster.modeling.fairness.rows import on_list
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.weeks import WEEK, week_range
from food_inspections_dagster_tests.modeling.fairness.cases import COUNTS, RULE, WEEK_0, many_rows, rows_of

WINDOW = 6
MANY = AuditRule(attributes=("side",), references={}, evaluation_weeks=WINDOW, capacity_share=0.25)
# Before the first row, while the window fills, in the middle, while it empties, and after the last row.
WEEKS = week_range(WEEK_0 - 2 * WEEK, WEEK_0 + 27 * WEEK)


def _window(rows: pd.DataFrame, week: date) -> pd.DataFrame:
    """Return the rows of the window, with the place of each in tp, fp, fn, tn, row by row."""
    listed, label = on_list(rows, MANY.capacity_share), rows["label"].to_numpy(bool)
    cell = [(0 if y else 1) if x else (2 if y else 3) for x, y in zip(listed, label, strict=True)]
    inside = (rows["week"] > week - WINDOW * WEEK) & (rows["week"] <= week)
    return rows.assign(cell=cell).loc[inside]


def test_cells_of_one_week_are_those_that_the_rows_were_made_from() -> None:
    counts = AuditedRows(rows_of(COUNTS), RULE).counts("facility_type", [WEEK_0])
    assert counts.names.tolist() == ["Grocery Store", "Restaurant", "School"]
    assert counts.cells.tolist() == [[[30, 70, 10, 40], [40, 60, 20, 180], [30, 90, 10, 60]]]
    # One row per establishment: no two cells meet in one, and each row is an establishment.
    assert counts.clusters.tolist() == [[150, 300, 190]]
    assert counts.products[0, 1].tolist() == np.diag([40, 60, 20, 180]).tolist()


def test_rows_of_one_establishment_multiply() -> None:
    cells = {("School", True, True): 2, ("School", True, False): 3, ("School", False, False): 5}
    together = AuditedRows(rows_of(cells, repeat=10), RULE).counts("facility_type", [WEEK_0])
    assert together.clusters.tolist() == [[1]]
    assert together.products[0, 0].tolist() == np.outer([2, 3, 0, 5], [2, 3, 0, 5]).tolist()


def test_running_sums_are_the_counts_of_each_window() -> None:
    rows = many_rows(seed=3)["a"]
    counts = AuditedRows(rows.sample(frac=1, random_state=1), MANY).counts("side", WEEKS)
    assert counts.names.tolist() == ["Central", "North", "South"]
    for at, week in enumerate(WEEKS):
        window = _window(rows, week)
        for place, name in enumerate(counts.names):
            group = window.loc[window["side"] == name]
            assert counts.cells[at, place].tolist() == np.bincount(group["cell"], minlength=4).tolist()
            assert counts.clusters[at, place] == group["establishment_id"].nunique()
            alone = [np.bincount(of["cell"], minlength=4) for _, of in group.groupby("establishment_id")]
            expected = sum((np.outer(one, one) for one in alone), np.zeros((4, 4), dtype=np.int64))
            assert counts.products[at, place].tolist() == expected.tolist()


def test_sizes_are_the_rows_of_the_windows() -> None:
    audited = AuditedRows(many_rows()["a"], MANY)
    # 60 rows a week for 20 weeks, six weeks to a window.
    expected = [0, 0, *range(60, 360, 60), *[360] * 15, *range(300, 0, -60), *[0] * 3]
    assert audited.sizes(WEEKS) == expected
    assert audited.sizes(WEEKS[::-1]) == expected[::-1]


def test_no_rows_count_nothing() -> None:
    audited = AuditedRows(many_rows()["a"].head(0), MANY)
    counts = audited.counts("side", WEEKS[:2])
    assert audited.sizes(WEEKS[:2]) == [0, 0]
    assert counts.cells.shape == (2, 0, 4) and counts.products.shape == (2, 0, 4, 4) and counts.clusters.shape == (2, 0)


def test_an_attribute_that_the_rows_lack_is_refused() -> None:
    with pytest.raises(FoodInspectionsError, match="no column 'side': correct the rule's attributes"):
        AuditedRows(rows_of(COUNTS), MANY)
