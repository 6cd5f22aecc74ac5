import pytest

from food_inspections_dagster.errors import nearest


@pytest.mark.parametrize(
    ("word", "known", "end"),
    [
        ("evaluation_week", ["evaluation_weeks", "metric"], "use evaluation_weeks, or remove it"),
        ("xyz", ["metric", "baseline"], "remove it, or use one of baseline, metric"),
        ("xyz", [], "remove it"),
    ],
)
def test_an_unknown_name_gets_the_one_it_resembles_or_all(word, known, end):
    assert nearest(word, known) == end
