import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.fairness.rows import on_list, with_attributes
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.modeling.fairness.cases import COUNTS, WEEK_0, many_rows, rows_of


def test_the_list_takes_the_top_share_of_each_week() -> None:
    rows = many_rows()["a"].sort_values(["week", "inspection_id"], ignore_index=True)
    listed = on_list(rows, 0.25)
    for _, week in rows.assign(listed=listed).groupby("week"):
        assert week["listed"].sum() == 15
        assert week.loc[week["listed"], "score"].min() > week.loc[~week["listed"], "score"].max()
    tied = on_list(rows.assign(score=pd.Series([0.5] * len(rows)).astype(rows["score"].dtype).array), 0.25)
    assert tied[:60].tolist() == [True] * 15 + [False] * 45  # the order of inspection_id


def test_attributes_are_joined_by_inspection() -> None:
    backtest = rows_of(COUNTS).head(4).drop(columns="facility_type").set_axis([7, 5, 3, 1])
    known = frames.table(
        {"inspection_id": [3, 1, 0, 2, 9], "kind": ["d", "b", "a", "c", "e"], "size": ["4", "2", "1", "3", "5"]},
        {"inspection_id": pa.int64(), "kind": pa.string(), "size": pa.string()},
    )
    joined = with_attributes(backtest, known)
    assert joined["kind"].tolist() == ["a", "b", "c", "d"] and joined["size"].tolist() == ["1", "2", "3", "4"]
    assert joined.index.tolist() == [7, 5, 3, 1] and joined["score"].equals(backtest["score"])


def test_a_deleted_row_names_its_week_and_the_way_out() -> None:
    rows = many_rows()["a"]
    weeks = [WEEK_0 + WEEK * 4, WEEK_0 + WEEK * 11]
    kept = rows.loc[
        ~rows["week"].isin(weeks) | (rows["inspection_id"].astype("int64") % 2 == 0), ["inspection_id", "risk"]
    ]
    gone = len(rows) - len(kept)
    with pytest.raises(FoodInspectionsError, match=f"^{gone} inspections of the backtest, such as") as error:
        with_attributes(rows.drop(columns="risk"), kept)
    assert f"the weeks of {weeks[0]}, {weeks[1]}" in str(error.value)
    assert "`food-inspections run`" in str(error.value)
