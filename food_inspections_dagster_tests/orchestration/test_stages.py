import dagster as dg
import pytest

from food_inspections_dagster.digests import digest
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.orchestration.current import Cause, Currency
from food_inspections_dagster.orchestration.metadata import OWNERS
from food_inspections_dagster.orchestration.partitions import Window
from food_inspections_dagster.orchestration.rules import Verdict, rule
from food_inspections_dagster.orchestration.stages import Graph, Input, Made, Output, stage
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster_tests.toys import (
    EMPTY,
    MATRIX,
    MODEL,
    RAW,
    REPORT,
    THINGS,
    WEEKS,
    makes,
    reads,
    rows_of,
    things_of,
)

WITH_ROWS = [week for week in WEEKS if week != EMPTY]


def rule_of(entry, judge, *, blocking=False, of_store=False, name="half"):
    judge.__name__ = name
    declare = rule(
        entry, guards_against="A mistake.", expects="every share is half", blocking=blocking, of_store=of_store
    )
    return declare(judge)


def not_half(weeks, things):
    wrong = things[(things["share"] != 0.5).fillna(False).astype(bool)]
    return dict.fromkeys(sorted(set(wrong["week"])), "another share")


def quarter_in(*odd):
    """Things of which some weeks have another share."""

    def of(weeks):
        rows = things_of(weeks)
        rows.loc[rows["week"].isin(odd), "share"] = 0.25
        return rows

    return of


def evaluations(result):
    return {one.check_name: one for one in result.get_asset_check_evaluations()}


def checks_recorded(toys):
    rows = toys.database.query("SELECT * FROM metadata.check_results ORDER BY result_id")
    return {row["check_name"]: row for row in rows.to_dict("records")}


# The order of judging and writing.


def test_rules_are_judged_before_the_first_write(toys, monkeypatch):
    events, put = [], ObjectStore.put
    monkeypatch.setattr(
        ObjectStore, "put", lambda self, path, content: events.append("put") or put(self, path, content)
    )
    half = rule_of(THINGS, lambda weeks, things: events.append("judged") or {}, blocking=True)
    toys.run([makes(THINGS, of=lambda weeks: events.append("made") or things_of(weeks), rules=[half])])
    assert events == ["made", "judged", *["put"] * 5]


def test_rows_that_break_a_blocking_rule_are_not_stored_and_the_failure_is_told(toys):
    things = makes(THINGS, of=quarter_in(WEEKS[1], WEEKS[3]), rules=[rule_of(THINGS, not_half, blocking=True)])
    result = toys.run([things, reads([], THINGS)], raise_on_error=False)
    assert not result.success
    words = "Check half of things failed: Not so for 2011-01-10, 2011-01-24: every share is half. Nothing was stored."
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert words in failure.step_failure_data.error.to_string()
    assert toys.objects.list_objects("") == {} and not toys.database.has_table("clean.things")
    assert toys.open_weeks() == []
    # Told in Dagster …
    told = evaluations(result)
    assert told["schema"].passed and not told["half"].passed
    assert told["half"].severity is dg.AssetCheckSeverity.ERROR and told["half"].blocking
    summary = toys.instance.event_log_storage.get_asset_check_summary_records([told["half"].asset_check_key])
    record = summary[told["half"].asset_check_key].last_check_execution_record
    assert record.event.asset_check_evaluation.description.startswith("Not so for 2011-01-10, 2011-01-24")
    # … and in the ledger.
    row = checks_recorded(toys)["half"]
    assert list(row["failing"]) == [WEEKS[1], WEEKS[3]]
    assert (row["first_week"], row["last_week"], row["blocking"], row["after_load"]) == (WEEKS[0], WEEKS[4], True, 0)
    assert row["run_id"] == result.run_id
    reasons = [toys.currency(things).reason("things", week) for week in WEEKS]
    causes = [Cause.NEVER_MADE, Cause.BLOCKED, Cause.NEVER_MADE, Cause.BLOCKED, Cause.NEVER_MADE]
    assert [reason.cause for reason in reasons] == causes


def test_a_refused_load_leaves_what_was_stored(toys):
    half = rule_of(THINGS, not_half, blocking=True)
    toys.run([makes(THINGS, of=things_of, rules=[half])])
    before = toys.objects.get_many(toys.objects.list_objects(""))
    with pytest.raises(dg.Failure, match="Check half of things failed"):
        toys.run([makes(THINGS, of=quarter_in(WEEKS[0]), rules=[half])], WEEKS[:2])
    assert toys.objects.get_many(toys.objects.list_objects("")) == before
    assert toys.made("things") == WEEKS and len(toys.audit()) == 5


def test_a_warning_is_told_and_the_rows_are_stored(toys):
    things = makes(THINGS, of=quarter_in(WEEKS[1]), rules=[rule_of(THINGS, not_half)])
    result = toys.run([things])
    assert result.success
    told = evaluations(result)["half"]
    assert not told.passed and told.severity is dg.AssetCheckSeverity.WARN and not told.blocking
    assert told.metadata["failing"].value == "2011-01-10"
    assert list(checks_recorded(toys)["half"]["failing"]) == [WEEKS[1]]
    assert toys.made("things") == WEEKS
    assert [toys.currency(things).reason("things", week) for week in WEEKS] == [None] * 5


@pytest.mark.parametrize(
    ("spoil", "failing"),
    [
        (lambda rows: rows.assign(share=rows["share"].astype("float32[pyarrow]")), WEEKS),
        (lambda rows: rows.drop(columns="name"), WEEKS),
        (lambda rows: rows.iloc[:0].drop(columns="name"), WEEKS),
        (lambda rows: rows.assign(thing_id=rows["thing_id"].where(rows["week"] != WEEKS[3])), [WEEKS[3]]),
        (
            lambda rows: rows.assign(thing_id=rows["week"].map(lambda w: w.toordinal()).astype("int64[pyarrow]")),
            WITH_ROWS,
        ),
    ],
    ids=["type", "column", "column of no rows", "null", "repeated key"],
)
def test_rows_that_break_their_schema_are_refused_by_week(toys, spoil, failing):
    result = toys.run([makes(THINGS, of=lambda weeks: spoil(things_of(weeks)))], raise_on_error=False)
    assert not result.success and not evaluations(result)["schema"].passed
    assert list(checks_recorded(toys)["schema"]["failing"]) == failing
    assert toys.objects.list_objects("") == {}


def test_a_broken_schema_is_told_before_other_rules_stumble_over_it(toys):
    """A rule that looks for the missing column ended the step with a KeyError, and the ledger knew nothing of it."""
    things = makes(
        THINGS,
        of=lambda weeks: things_of(weeks).drop(columns="share"),
        rules=[rule_of(THINGS, not_half, blocking=True)],
    )
    result = toys.run([things], raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "Check schema of things failed: column 'share'" in failure.step_failure_data.error.to_string()
    assert evaluations(result).keys() == checks_recorded(toys).keys() == {"schema"}


def test_a_rule_in_memory_gets_inputs_and_outputs_by_name(toys):
    seen = []

    def judge(weeks, things, matrix):
        seen.append((list(weeks), len(things), len(matrix)))
        return Verdict(metadata={"pairs": len(matrix)})

    things = makes(THINGS, of=things_of)

    @stage(MATRIX, group="toys", inputs={"things": Input(THINGS, Window(-1))}, rules=[rule_of(MATRIX, judge)])
    def matrix(weeks, things):
        return things_of(weeks, 1)

    toys.run([things])
    result = toys.run([things, matrix], WEEKS[3:], only=["matrix"])
    assert seen == [(WEEKS[3:], 6, 2)]
    assert evaluations(result)["half"].metadata["pairs"].value == 2


def test_a_rule_of_the_store_is_judged_after_the_write_and_stops_what_follows(toys):
    seen, loaded = [], []

    def judge(weeks, stored):
        seen.append(stored.query("SELECT count(*) AS n FROM clean.things")["n"][0])
        return {WEEKS[2]: "empty"}

    things = makes(THINGS, of=things_of, rules=[rule_of(THINGS, judge, blocking=True, of_store=True)])
    result = toys.run([things, reads(loaded, THINGS)], raise_on_error=False)
    assert not result.success
    assert (seen, loaded) == ([12], [])
    assert not evaluations(result)["half"].passed
    row = checks_recorded(toys)["half"]
    assert (list(row["failing"]), row["after_load"]) == ([WEEKS[2]], int(toys.audit()["load_id"].max()))
    assert toys.made("things") == WEEKS, "it is stored"
    causes = [reason and reason.cause for reason in (toys.currency(things).reason("things", week) for week in WEEKS)]
    assert causes == [None, None, Cause.BLOCKED, None, None]


# What a step hands over.


def test_only_what_is_asked_for_of_a_separable_stage_is_made_judged_and_stored(toys):
    asked_for = []
    rules = [
        rule_of(MATRIX, lambda weeks, matrix: {}, name="of_matrix"),
        rule_of(MODEL, lambda weeks: {}, name="of_model"),
    ]

    @stage(Output(MATRIX, "Rows"), Output(MODEL, "Documents"), group="toys", rules=rules, separable=True)
    def both(weeks, asked):
        asked_for.append(set(asked))
        values = {
            "matrix": things_of(weeks),
            "model": WeeklyDocuments({week: {"week": week.isoformat()} for week in weeks}),
        }
        return Made({name: value for name, value in values.items() if name in asked})

    assert both.units == [("matrix",), ("model",)]
    result = toys.run([both], only=["model"])
    assert asked_for == [{"model"}]
    assert evaluations(result).keys() == {"of_model"}
    assert toys.made("model") == WEEKS and toys.made("matrix") == []
    assert toys.objects.list_objects("processed") == {}
    toys.run([both])
    assert asked_for[1] == {"matrix", "model"}
    assert toys.made("matrix") == WEEKS


def test_the_outputs_of_any_other_stage_are_made_together(toys):
    @stage(Output(THINGS, "A"), Output(REPORT, "B"), group="toys")
    def both(weeks):
        return things_of(weeks), things_of(weeks)

    assert both.units == [("things", "report")]
    with pytest.raises(dg.DagsterError):
        toys.run([both], only=["things"])


def test_what_a_stage_tells_stands_beside_its_weeks(toys):
    @stage(RAW, group="toys")
    def raw(weeks):
        return Made(
            {"raw": rows_of(weeks)},
            {"raw": {WEEKS[1]: {"reason": "new fit"}}},
            {"raw": {"fitted_now": 3}},
        )

    result = toys.run([raw])
    events = {event.partition: event.metadata for event in result.asset_materializations_for_node("raw")}
    assert {week: "reason" in of for week, of in events.items()} == {str(w): w == WEEKS[1] for w in WEEKS}
    assert events[str(WEEKS[1])]["reason"].value == "new fit"
    assert {of["fitted_now"].value for of in events.values()} == {3}
    assert {of["run_rows"].value for of in events.values()} == {12}


def test_a_function_gets_the_resources_that_it_names_with_a_type(toys):
    given = []

    @stage(RAW, group="toys")
    def raw(weeks, stored: dg.ResourceParam[Stored], portal: PortalClient):
        given.extend([stored, portal])
        return rows_of(weeks)

    toys.run([raw])
    assert given[0] is toys.stored and isinstance(given[1], PortalClient)


def test_inputs_may_come_by_any_name(toys):
    loaded = {}
    things, report = makes(THINGS, of=things_of), makes(REPORT, of=things_of)

    @stage(RAW, group="toys", inputs={"first": Input(THINGS), "second": Input(REPORT, columns=("week",))})
    def raw(weeks, **values):
        loaded.update(values)
        return rows_of(weeks)

    toys.run([things, report, raw])
    assert {name: len(frame.columns) for name, frame in loaded.items()} == {"first": 4, "second": 1}


@pytest.mark.parametrize("returned", [lambda w: (things_of(w),), lambda w: Made({"things": things_of(w)})])
def test_a_stage_that_returns_too_little_stores_nothing(toys, returned):
    @stage(Output(THINGS, "A"), Output(REPORT, "B"), group="toys")
    def both(weeks):
        return returned(weeks)

    assert not toys.run([both], raise_on_error=False).success
    assert len(toys.audit()) == 0 and toys.objects.list_objects("") == {}


def test_the_state_of_a_source_is_part_of_what_was_read(toys):
    states = dict.fromkeys(WEEKS, "3 rows")

    def on_the_portal(portal, first, last):
        assert isinstance(portal, PortalClient) and (first, last) == (WEEKS[0], WEEKS[-1])
        return states

    @stage(RAW, group="toys", source=on_the_portal)
    def raw(weeks, portal: PortalClient):
        return rows_of(weeks)

    toys.run([raw])

    def reasons(**sources):
        currency = Currency(Graph([raw]), toys.ledger.snapshot(), sources)
        return {week: str(reason) for week in WEEKS if (reason := currency.reason("raw", week))}

    assert reasons() == {}, "a source that is not asked is taken to be unchanged"
    assert reasons(raw=states) == {}
    changed = {**states, WEEKS[2]: "4 rows"}
    assert reasons(raw=changed) == {WEEKS[2]: f"input: the portal's rows of {WEEKS[2]}"}


def test_a_source_that_changed_while_it_was_read_and_then_back_is_not_current(toys):
    """A row that came and went again: what was stored may hold it, and the source is as it was before."""
    states = dict.fromkeys(WEEKS, "3 rows")

    @stage(RAW, group="toys", source=lambda portal, first, last: dict(states))
    def raw(weeks, portal: PortalClient):
        states[WEEKS[2]] = "4 rows"
        return rows_of(weeks)

    toys.run([raw])
    states[WEEKS[2]] = "3 rows"
    currency = Currency(Graph([raw]), toys.ledger.snapshot(), {"raw": states})
    assert [week for week in WEEKS if currency.reason("raw", week)] == [WEEKS[2]]


# What is declared.


def test_dagster_shows_what_is_declared():
    half = rule_of(THINGS, not_half, blocking=True)
    stored = rule_of(THINGS, lambda weeks, stored: {}, of_store=True, name="of_store")

    @stage(Output(THINGS, "All things.", kind="xgboost"), group="cleaning", rules=[half, stored])
    def clean(weeks):
        """Not shown."""
        return things_of(weeks)

    @stage(RAW, group="ingestion", inputs={"things": Input(THINGS)})
    def raw(weeks, things):
        """As received.

        Grain: one row."""

    spec = clean.assets.specs_by_key[dg.AssetKey("things")]
    assert (spec.group_name, spec.description, spec.owners) == ("cleaning", "All things.", OWNERS)
    assert spec.kinds == {"xgboost", "postgres"}
    assert spec.code_version == clean.code_version
    assert [column.name for column in spec.metadata["dagster/column_schema"].columns] == list(THINGS.schema.columns)
    assert {(check.name, check.blocking) for check in clean.assets.check_specs} == {("schema", True), ("half", True)}
    assert [key.name for definition in clean.checks for key in definition.check_keys] == ["of_store"]
    received = raw.assets.specs_by_key[dg.AssetKey("raw")]
    assert received.description == "As received.\n\nGrain: one row."
    assert received.kinds == {"python", "parquet"} and raw.checks == []
    assert [dep.asset_key.to_user_string() for dep in received.deps] == ["things"]


def test_settings_schema_and_rules_decide_versions():
    def make(weeks):
        return things_of(weeks)

    def other(weeks, things):
        return {}

    plain = stage(THINGS, group="toys")(make)
    assert stage(THINGS, group="others")(make).code_version == plain.code_version
    versions = {
        plain.code_version,
        stage(MATRIX, group="toys")(make).code_version,
        stage(RAW, group="toys")(make).code_version,
        stage(THINGS, group="toys", rules=[rule_of(THINGS, not_half)])(make).code_version,
        stage(THINGS, group="toys", rules=[rule_of(THINGS, not_half, blocking=True)])(make).code_version,
        stage(THINGS, group="toys", rules=[rule_of(THINGS, other)])(make).code_version,
    }
    assert len(versions) == 6
    both = stage(Output(THINGS, reads={"own": 1}), Output(MATRIX), group="toys", reads={"rule": (1, 2)})(make)
    assert both.outputs["things"].settings_digest == digest({"rule": (1, 2), "own": 1})
    assert both.outputs["matrix"].settings_digest == digest({"rule": (1, 2)})
    assert plain.outputs["things"].settings_digest == digest({})


# The graph.


@pytest.fixture
def graph():
    """raw -> things and report together -> matrix -> model; report -> model."""
    nothing = {"group": "toys"}

    def function(weeks, **values): ...

    def named(name, *outputs, **inputs):
        function.__name__ = name
        return stage(*outputs, **nothing, inputs={key: Input(entry) for key, entry in inputs.items()})(function)

    return Graph(
        [
            named("fits", MODEL, rows=MATRIX, audit=REPORT),
            named("joins", MATRIX, rows=THINGS, again=THINGS),
            named("cleans", THINGS, REPORT, received=RAW),
            named("fetches", RAW),
        ]
    )


def test_a_graph_is_in_the_order_of_the_data_s_way(graph):
    assert [one.name for one in graph.stages] == ["fetches", "cleans", "joins", "fits"]
    assert graph.assets == ["raw", "things", "report", "matrix", "model"]
    assert graph.upstream("model") == ["matrix", "report"]
    assert graph.upstream("matrix") == ["things"] and graph.upstream("raw") == []


def test_until_an_asset_is_everything_that_it_is_made_from_and_with(graph):
    assert graph.until("raw") == {"raw"}
    assert graph.until("report") == graph.until("things") == {"raw", "things", "report"}
    assert graph.until("model") == set(graph.assets)


def test_an_unknown_asset_is_refused_with_those_that_there_are(graph):
    for ask in (graph.output, graph.until):
        with pytest.raises(FoodInspectionsError, match=r"'thing' is no stage: use one of .*things"):
            ask("thing")
    assert graph.output("things").entry is THINGS


def test_a_circle_is_refused():
    def function(weeks, **values): ...

    with pytest.raises(ValueError, match="cycle"):
        Graph(
            [
                stage(RAW, group="toys", inputs={"rows": Input(MATRIX)})(function),
                stage(MATRIX, group="toys", inputs={"rows": Input(RAW)})(function),
            ]
        )
