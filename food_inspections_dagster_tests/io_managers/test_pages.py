from hashlib import sha256

import pytest

from food_inspections_dagster.orchestration.partitions import Window
from food_inspections_dagster_tests.toys import PAGE, WEEKS, makes, reads


def pages_of(weeks):
    return {week: f"<p>ü {week}</p>" for week in weeks}


def test_pages_go_in_and_out(toys_anywhere):
    toys, loaded = toys_anywhere, []
    result = toys.run([makes(PAGE, of=pages_of), reads(loaded, PAGE, Window(-1))])
    assert list(toys.objects.list_objects("reports")) == [f"reports/page/week={week}/report.html" for week in WEEKS]
    assert loaded[0] == pages_of(WEEKS)
    sizes = toys.objects.list_objects("reports")
    metadata = result.asset_materializations_for_node("make_page")[0].metadata
    assert (metadata["run_bytes"].value, metadata["path"].value) == (sum(sizes.values()), "reports/page")
    audit = toys.audit().set_index("asset").loc["page"]
    assert list(audit["content_hash"]) == [sha256(page.encode()).hexdigest() for page in pages_of(WEEKS).values()]


@pytest.mark.parametrize("value", [{}, pages_of(WEEKS[:-1]), "<p>", None], ids=["none", "one missing", "text", "null"])
def test_a_page_for_each_week_or_nothing_is_stored(toys, value):
    result = toys.run([makes(PAGE, value)], raise_on_error=False)
    assert not result.success and "one page for each week" in str(result.all_events)
    assert toys.objects.list_objects("reports") == {} and toys.made("page") == [] and toys.open_weeks() == []
