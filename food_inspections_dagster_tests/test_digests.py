from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import SecretStr

from food_inspections_dagster.digests import canonical_json, content_hash, digest
from food_inspections_dagster.modeling.rules import AuditRule, Schedule


def test_a_digest_changes_with_the_value_and_not_with_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": (1, 2)}) == digest({"b": [1, 2], "a": 1})
    rule = AuditRule()
    assert digest(rule) == digest(AuditRule())
    changed = [replace(rule, tau_high=1.3), replace(rule, references={}), replace(rule, attributes=("facility_type",))]
    assert len({digest(value) for value in [rule, *changed]}) == 4
    assert len(digest(rule)) == 16
    assert digest((Schedule(), 3)) != digest((Schedule(), 4))


def test_values_of_different_kinds_differ() -> None:
    values = [
        None,
        True,
        1,
        1.5,
        "1",
        date(2010, 1, 4),
        datetime(2010, 1, 4, tzinfo=UTC),
        Path("a/b"),
        [],
        {},
        {"a": []},
    ]
    assert len({digest(value) for value in values}) == len(values)
    assert digest({"b", "a"}) == digest(frozenset(("a", "b")))


def test_canonical_bytes_and_hashes_stay_what_they_are() -> None:
    assert canonical_json({"b": [1, "é"], "a": None}) == '{\n  "a": null,\n  "b": [\n    1,\n    "é"\n  ]\n}\n'.encode()
    assert content_hash({"a": 1}) == sha256(b'{"a":1}').hexdigest()[:16] == "015abd7f5cc57a2d"
    assert content_hash({"b": [1, "é"], "a": None}) == content_hash({"a": None, "b": [1, "é"]})


@pytest.mark.parametrize("value", [SecretStr("x"), object(), {1: 2}, AuditRule, b"x"])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        digest(value)
