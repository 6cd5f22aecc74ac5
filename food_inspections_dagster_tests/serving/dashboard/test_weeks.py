from dataclasses import replace

from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard import weeks
from food_inspections_dagster.serving.dashboard.parts import day
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.serving.dashboard.pages import with_id, words


def published(publication, *shifts, shown=0):
    """Return rows of published weeks, so many weeks from that of a publication, the newest first."""
    return [{"week": publication.week + WEEK * shift, "is_shown": shift == shown} for shift in shifts]


def test_a_week_can_be_chosen_where_there_are_several(publication):
    control = with_id(weeks.chooser(published(publication, 0, -1), publication.week - WEEK), "page-week")
    assert control.value == str(publication.week - WEEK)
    assert [one["value"] for one in control.options] == [str(publication.week), str(publication.week - WEEK)]
    assert control.options[0]["label"] == f"{day(publication.week + WEEK)}, the present one"
    assert weeks.chooser(published(publication, 0), publication.week) is None
    assert with_id(weeks.chooser(published(publication, 0, -1), None), "page-week").value is None


def test_only_what_is_not_the_present_list_says_so_loudly(publication):
    rows = published(publication, 1, 0, -1)
    assert weeks.banner(rows, publication, "/") is None
    earlier, later = (replace(publication, week=publication.week + WEEK * shift) for shift in (-1, 1))
    assert words(weeks.banner(rows, earlier, "/models")).startswith("AN EARLIER LIST.")
    made = weeks.banner(rows, later, "/models")
    assert words(made).startswith("NOT THE PRESENT LIST.") and made.className == "shout"
    assert f"The present one is for the week of {day(publication.week + WEEK)}" in words(made)


def test_the_present_week_is_that_of_the_pointer(reads, publication):
    assert weeks.banner(reads.rows(shared.WEEKS), publication, "/") is None
