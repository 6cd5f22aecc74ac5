"""Plotly checks each figure: it refuses properties and values that it does not know."""

from datetime import date

import numpy as np
import plotly.graph_objects as go

from food_inspections_dagster.serving.dashboard import figures

WEEKS = [date(2012, 1, 2), date(2012, 1, 9)]
PLACES = [
    {
        "rank": rank,
        "establishment_id": f"L{rank}",
        "dba_name": f"PLACE {rank}",
        "expected_find": 0.5 / rank,
        "longitude": None if rank == 3 else -87.7,
        "latitude": 41.8,
    }
    for rank in range(1, 6)
]
RING = np.array([[-87.7, 41.8], [-87.6, 41.8], [-87.6, 41.9]])


def test_the_emphasised_line_is_thicker_and_of_its_own_colour():
    figure = figures.lines({"a": (WEEKS, [1.0, None]), "b": (WEEKS, [2.0, 3.0])}, "y", "b", tickformat=".0%")
    a, b = go.Figure(figure).data
    assert b.line.width > a.line.width and b.line.color == figures.ORANGE != a.line.color
    assert b.x == ("2012-01-02", "2012-01-09")
    assert not figures.lines({"a": (WEEKS, [1, 2])}, "y")["layout"]["showlegend"]


def test_intervals_reach_from_low_to_high():
    figure = figures.intervals(["a", "b"], [(1.0, 0.5, 3.0), (2.0, None, None)], "x", line_at=1, bounds=(0.8, 1.25))
    (dots,) = go.Figure(figure).data
    assert dots.error_x.array == (2.0, None) and dots.error_x.arrayminus == (0.5, None)
    assert len(figure["layout"]["shapes"]) == 2


def test_calibration_has_the_line_of_the_same_and_the_groups():
    bins = [{"predicted": 0.1, "observed": 0.2, "observed_low": 0.1, "observed_high": 0.4}]
    line, points = go.Figure(figures.calibration(bins)).data
    assert line.x == line.y == (0, 0.4)
    assert (points.x, points.y, points.error_y.array[0]) == ((0.1,), (0.2,), 0.2)
    assert go.Figure(figures.calibration([])).data


def test_bars():
    (bar,) = go.Figure(figures.bars(["a", "b"], [3, 1], "rows")).data
    assert bar.x == (3, 1) and bar.y == ("a", "b")


def test_the_map_marks_areas_and_has_the_visits_of_the_week_on_top():
    drawn = go.Figure(figures.city({"LOOP": [RING], "UPTOWN": [RING]}, ["LOOP"], PLACES, capacity=2))
    plain, chosen, others, first = drawn.data
    assert len(plain.x) == len(chosen.x) == len(RING) + 1
    assert list(first.customdata) == ["L2", "L1"] and list(others.customdata) == ["L4", "L5"]
    assert first.marker.size > others.marker.size
    assert go.Figure(figures.city({}, [], [], capacity=2)).data


def test_every_line_looks_like_no_other():
    weeks = [1, 2]
    drawn = figures.lines({str(n): (weeks, weeks) for n in range(10)}, "share")["data"]
    assert len({(one["line"]["color"], one["line"]["dash"]) for one in drawn}) == 10
    (alone,) = figures.lines({"all": (list(range(100)), list(range(100)))}, "share")["data"]
    assert alone["line"]["dash"] == "solid" and alone["mode"] == "lines"
