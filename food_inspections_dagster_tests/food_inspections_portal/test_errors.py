import pytest

from food_inspections_portal.errors import SodaError, malformed, no_such_column, no_such_function, type_mismatch


@pytest.mark.parametrize(
    ("error", "code", "data"),
    [
        (malformed("select )"), "query.compiler.malformed", {"query": "select )"}),
        (no_such_column("shoe", "4ijn-s7e5"), "query.soql.no-such-column", {"column": "shoe", "dataset": "4ijn-s7e5"}),
        (no_such_function("fly"), "query.soql.no-such-function", {"function": "fly"}),
        (type_mismatch("=", "text"), "query.soql.type-mismatch", {"function": "=", "type": "text"}),
    ],
)
def test_an_error_has_the_portals_form(error: SodaError, code: str, data: dict):
    assert error.status == 400
    body = error.body()
    assert (body["code"], body["error"], body["data"]) == (code, True, data)
    assert all(value in body["message"] for value in data.values() if value != "4ijn-s7e5")
