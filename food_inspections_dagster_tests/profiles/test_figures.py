from xml.etree import ElementTree

import pytest

from food_inspections_dagster.profiles.figures import figures
from food_inspections_dagster.profiles.story import story
from food_inspections_dagster_tests.profiles.test_story import DAYS, STORY, inspections

DRAWN = figures(STORY)


def test_the_same_numbers_give_the_same_bytes():
    assert figures(story(inspections())) == DRAWN
    assert DRAWN["volumes"] != figures(story(inspections(DAYS[:700])))["volumes"]


@pytest.mark.parametrize("name", ["volumes", "change_2018", "seasons", "types", "areas"])
def test_a_figure_is_small_svg_whose_texts_are_texts(name):
    root = ElementTree.fromstring(DRAWN[name])  # noqa: S314 - our own
    assert root.tag.endswith("svg") and len(DRAWN[name]) < 100_000
    assert sum(1 for element in root.iter() if element.tag.endswith("}text")) > 5


def test_the_change_is_marked_where_it_is_drawn():
    assert "2018-07-01" in DRAWN["volumes"] and "2018-07-01" in DRAWN["change_2018"]
    assert "2018-07-01" not in figures(story(inspections(DAYS[:200])))["volumes"]
