import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.defs.training.checks import rules_of
from food_inspections_dagster.digests import canonical_json, content_hash
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.modeling.persistence import CARD, FORMAT, IDENTITY, model_id_of
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.defs.cases import A, B, C, Case, Damage, bytes_changed, json
from food_inspections_dagster_tests.defs.city import CITY

LAST = CITY[-1]


def card(last_week):
    """The card of a model that learnt from the weeks up to ``last_week``."""
    facts = dict.fromkeys(IDENTITY, "")
    facts |= {"format": FORMAT, "training_window": {"last_week": str(last_week)}, "categories": [], "artifact": {}}
    facts["model_id"] = model_id_of(facts)
    facts["checksum"] = content_hash(facts)
    return canonical_json(facts)


def documents(entry, **weeks):
    """Documents of the weeks A, B, C from (model's last week, backtest model's last week); None where there is none."""
    made, blobs = {}, {}
    for week, (own_model, before) in zip((A, B, C), weeks.values(), strict=True):
        files = []
        for last in (own_model, before):
            path = f"artifacts/{last}/{CARD}"
            files.append({path: "sha"} if last else {})
            if last:
                blobs[path] = card(last)
        made[week] = {
            "model_id": str(own_model) if own_model else None,
            "reason": None if own_model else "too few rows",
            "files": files[0],
            "backtest": {"files": files[1]},
        }
    return {entry.asset: WeeklyDocuments(made, blobs)}


def cases_of(group):
    entry = catalog.model(group)
    rules = {rule.name: rule for rule in rules_of(entry)}
    no_future, present = rules["no_future_rows"], rules["model_present"]

    def case(rule, about, *failing, words="", **weeks):
        return Case(rule, f"{group} {about}", documents(entry, **weeks), failing, words)

    return [
        case(no_future, "learnt from the past", a=(A, A - WEEK), b=(A, A), c=(C, B)),
        case(no_future, "no models", a=(None, None), b=(None, None), c=(A, None)),
        case(no_future, "knows the week after", B, words=f"learnt from {C}", a=(A, None), b=(C, A), c=(C, A)),
        case(no_future, "scored a week that it knows", C, a=(A, None), b=(B, A), c=(C, C)),
        case(present, "every week", a=(A, None), b=(A, None), c=(C, None)),
        case(present, "from the second on", a=(None, None), b=(B, None), c=(B, None)),
        case(present, "a week between has none", B, words="too few rows", a=(A, None), b=(None, None), c=(C, None)),
        case(present, "one week had one, the newest has none", B, C, a=(A, None), b=(None, None), c=(None, None)),
        case(present, "no week has one", C, a=(None, None), b=(None, None), c=(None, None)),
    ]


CASES = [case for group in ALGORITHMS for case in cases_of(group)]


def other_score(path):
    return lambda world: bytes_changed(
        world, json(lambda document: document["backtest"]["rows"]["score"].__setitem__(0, 0.123456)), path
    )


DAMAGES = [
    Damage(entry.asset, "reloads_the_same", other_score(entry.path(LAST)), (LAST,), "1 scores differ")
    for entry in map(catalog.model, ALGORITHMS)
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_rule_of_the_store(stored_city, damage):
    damage.hold(stored_city)


@pytest.mark.parametrize("group", ALGORITHMS)
def test_a_model_file_of_somebody_else_is_refused_in_one_sentence(stored_city, group):
    entry = catalog.model(group)
    files = [f"{entry.prefix}/{path}" for path in stored_city.document(entry, LAST)["backtest"]["files"]]
    with (
        bytes_changed(stored_city, lambda _: b"\x80\x04\x95 junk", *files),
        pytest.raises(FoodInspectionsError, match="was cut or changed in the object store") as told,
    ):
        stored_city.check(entry.asset, "reloads_the_same")
    assert "\n" not in str(told.value)
