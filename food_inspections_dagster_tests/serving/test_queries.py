import re

import pytest
from psycopg import sql

from food_inspections_dagster.serving import queries

STATEMENTS = {name: value for name, value in vars(queries).items() if isinstance(value, sql.Composed)}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_reads_what_is_published_and_nothing_else(name):
    text = STATEMENTS[name].as_string()
    assert re.match(r"\s*(select|with)\b", text, re.IGNORECASE)
    schemas = set(re.findall(r'"(\w+)"\."\w+"', text))
    assert schemas <= {"api", "monitoring"}, "quoted names are tables here"


@pytest.mark.parametrize("sort", queries.SORTS)
@pytest.mark.parametrize("descending", [False, True])
def test_every_order_has_its_statement(sort, descending):
    text = queries.priorities(sort, descending).as_string()
    assert ("DESC" in text) == descending and queries.SORTS[sort][0] in text
    assert text.count("%(after_key)s") == 1 and "%(limit)s" in text


def test_history_is_read_up_to_the_week_only():
    for name in ("INSPECTIONS_OF", "SCORES_OF"):
        assert re.search(r"week <= %\(week\)s", STATEMENTS[name].as_string()), name
