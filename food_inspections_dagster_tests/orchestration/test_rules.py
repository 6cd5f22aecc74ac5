from dataclasses import replace

import dagster as dg
import pytest

from food_inspections_dagster.orchestration.partitions import range_tags
from food_inspections_dagster.orchestration.rules import Verdict, names, rule
from food_inspections_dagster_tests.toys import THINGS, WEEKS, makes, things_of


@rule(THINGS, guards_against="A share of more than all.", expects="every share is at most one", blocking=True)
def shares(weeks, things):
    return {week: f"share {value}" for week, value in things.items() if value > 1}


def test_a_rule_is_named_after_its_function():
    assert (shares.asset, shares.name, shares.blocking, shares.of_store) == ("things", "shares", True, False)
    spec = shares.spec
    assert spec.key == dg.AssetCheckKey(dg.AssetKey("things"), "shares")
    assert spec.description == "A share of more than all." and spec.blocking


def test_a_rule_gets_what_it_asks_for_and_nothing_else():
    judged = shares.apply(WEEKS, things={WEEKS[0]: 1.0}, matrix=object(), stored=object())
    assert judged.passed and judged.weeks == tuple(WEEKS)
    seen = {}
    everything = replace(shares, judge=lambda **values: seen.update(values) or {})
    everything.apply(WEEKS, things=1, matrix=2)
    assert seen == {"weeks": WEEKS, "things": 1, "matrix": 2}
    with pytest.raises(TypeError, match="things"):
        shares.apply(WEEKS, matrix=2)


def test_a_pass_says_what_is_true():
    judged = shares.apply(WEEKS, things={})
    assert judged.description == "every share is at most one"
    assert judged.result.passed and judged.result.description == judged.description
    assert judged.result.metadata["weeks_failing"].value == 0
    assert judged.result.metadata["failing"].value == "none"
    assert "details" not in judged.result.metadata
    assert judged.row.failing == ()


def test_a_failure_names_its_weeks_in_order_and_what_they_hold():
    judged = shares.apply(WEEKS, things={WEEKS[3]: 2.0, WEEKS[1]: 3.0})
    assert not judged.passed
    assert judged.sentence == "shares of things failed: Not so for 2011-01-10, 2011-01-24: every share is at most one."
    result = judged.result
    assert not result.passed and result.severity is dg.AssetCheckSeverity.ERROR
    assert result.metadata["details"].value == {"2011-01-10": "share 3.0", "2011-01-24": "share 2.0"}
    assert result.metadata["failing"].value == "2011-01-10, 2011-01-24"
    row = judged.row
    assert (row.asset, row.check, row.blocking) == ("things", "shares", True)
    assert (row.first, row.last, row.failing) == (WEEKS[0], WEEKS[-1], (WEEKS[1], WEEKS[3]))
    assert row.description == judged.description


def test_a_verdict_may_have_words_and_numbers_of_its_own():
    told = Verdict({WEEKS[0]: 4}, "4 rows too many", {"rows": 4})
    warning = replace(shares, judge=lambda weeks: told, blocking=False)
    judged = warning.apply(WEEKS)
    assert judged.verdict is told and judged.description == "4 rows too many"
    assert judged.result.severity is dg.AssetCheckSeverity.WARN
    assert judged.result.metadata["rows"].value == 4
    assert not judged.row.blocking


def test_weeks_are_named_but_not_all_880():
    assert names([]) == "none"
    assert names(WEEKS[:3]) == "2011-01-03, 2011-01-10, 2011-01-17"
    assert names(WEEKS, at_most=1) == "2011-01-03 and 4 more"
    many = [WEEKS[0] + 7 * number * (WEEKS[1] - WEEKS[0]) for number in range(30)]
    judged = shares.apply(many, things=dict.fromkeys(many, 2.0))
    assert "and 25 more" in judged.description
    assert len(judged.result.metadata["details"].value) == 20
    assert len(judged.row.failing) == 30, "the ledger keeps them all"


def test_only_the_checks_that_are_asked_for_are_judged_on_the_weeks_of_the_run(toys):
    seen = []

    def of_store(name):
        def judge(weeks, stored, portal):
            seen.append((name, list(weeks), len(stored.rows(THINGS, weeks))))
            return {}

        judge.__name__ = name
        return rule(THINGS, guards_against="A mistake.", expects="it is so", of_store=True)(judge)

    things = makes(THINGS, of=things_of, rules=[of_store("one"), of_store("two")])
    toys.run([things])
    assert sorted(seen) == [("one", WEEKS, 12), ("two", WEEKS, 12)]
    seen.clear()
    definitions = dg.Definitions(
        assets=[things.assets],
        asset_checks=things.checks,
        jobs=[dg.define_asset_job("judge", dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks())],
        resources=toys.resources([things]),
        executor=dg.in_process_executor,
    )
    key = dg.AssetCheckKey(dg.AssetKey("things"), "two")
    job = definitions.resolve_job_def("judge").get_subset(asset_selection=set(), asset_check_selection={key})
    before = len(toys.database.query("SELECT * FROM metadata.check_results"))
    assert job.execute_in_process(instance=toys.instance, tags=range_tags(WEEKS[3:])).success
    assert seen == [("two", WEEKS[3:], 6)]
    rows = toys.database.query("SELECT * FROM metadata.check_results ORDER BY result_id").iloc[before:]
    assert rows["check_name"].tolist() == ["two"]
    assert (rows["first_week"].tolist(), rows["last_week"].tolist()) == ([WEEKS[3]], [WEEKS[4]])
    assert rows["after_load"].tolist() == [int(toys.audit()["load_id"].max())]
