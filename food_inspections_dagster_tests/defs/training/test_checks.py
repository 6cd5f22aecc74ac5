import hashlib
from contextlib import ExitStack, contextmanager

import orjson
import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.defs.training.checks import rules_of
from food_inspections_dagster.digests import canonical_json, content_hash
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling.persistence import CARD, FORMAT, IDENTITY, model_id_of
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.defs.cases import A, B, C, Case, Damage, bytes_changed, json
from food_inspections_dagster_tests.defs.city import CITY

LAST = CITY[-1]
GROUPS = load_settings().models.algorithms


def card(learnt, calibrated):
    """The card of a model that learnt from the weeks up to ``learnt``, calibrated on those up to ``calibrated``."""
    facts = dict.fromkeys([*IDENTITY, "fit_id", "categories", "calibration", "typical", "artifact"], "")
    facts |= {"format": FORMAT, "training_window": {"last_week": str(learnt)}}
    facts |= {"calibrated_by": {"last_week": str(calibrated)}}
    facts["model_id"] = model_id_of(facts)
    facts["checksum"] = content_hash(facts)
    return canonical_json(facts)


def documents(entry, **weeks):
    """Documents of the weeks A, B, C, each of two models: the last week of either, None where there is none.

    A pair is (last week of training, last week of calibration).
    """
    made, blobs = {}, {}
    for week, models in zip((A, B, C), weeks.values(), strict=True):
        entries = []
        for label, ends in zip(("failed", "critical_violation"), models, strict=True):
            path = f"artifacts/{week}-{label}/{CARD}"
            if ends is not None:
                blobs[path] = card(*(ends if isinstance(ends, tuple) else (ends, ends)))
            entries.append(
                {
                    "model_group": entry.asset.removesuffix("_model"),
                    "label": label,
                    "model_id": path if ends else None,
                    "reason": None if ends else "too few rows",
                    "files": {path: "sha"} if ends else {},
                }
            )
        made[week] = {"week": str(week), "models": entries}
    return {entry.asset: WeeklyDocuments(made, blobs)}


def cases_of(group):
    entry = catalog.model(group)
    rules = {rule.name: rule for rule in rules_of(entry)}
    no_future, present = rules["no_future_rows"], rules["model_present"]
    none, one, two = (None, None), (A, None), (A, A)

    def case(rule, about, *failing, words="", **weeks):
        return Case(rule, f"{group} {about}", documents(entry, **weeks), failing, words)

    return [
        case(no_future, "learnt from the past", a=(A, A - WEEK), b=(A, B), c=(C, B)),
        case(no_future, "no models", a=none, b=none, c=one),
        case(no_future, "knows the week after", B, words=f"learnt from {C}", a=one, b=(C, A), c=(C, A)),
        case(no_future, "of the second label", B, words="critical_violation", a=two, b=(B, C), c=(C, C)),
        case(no_future, "calibrated on the week after", A, words=f"learnt from {B}", a=((A, B), A), b=two, c=two),
        case(present, "every week", a=two, b=two, c=two),
        case(present, "from the second on", a=none, b=two, c=two),
        case(present, "of one label from the second on", a=one, b=two, c=two),
        case(present, "a week between has none", B, words="too few rows", a=two, b=none, c=two),
        case(present, "a week between lacks a label", B, words="too few rows", a=two, b=one, c=two),
        case(present, "one week had one, the newest has none", B, C, a=two, b=none, c=none),
        case(present, "no week has one", C, a=none, b=none, c=none),
    ]


CASES = [case for group in GROUPS for case in cases_of(group)]


def written_otherwise(entry, label):
    """Return what stores a model's card as nobody writes it, though it says the same, and its document knows of it."""

    @contextmanager
    def damage(world):
        model = next(one for one in world.document(entry, LAST)["models"] if one["label"] == label)
        path = next(path for path in model["files"] if path.endswith(CARD))
        content = orjson.dumps(orjson.loads(world.objects.get(f"{entry.prefix}/{path}")), option=orjson.OPT_INDENT_2)

        def named(document):
            for one in document["models"]:
                if path in one["files"]:
                    one["files"][path] = hashlib.sha256(content).hexdigest()

        with ExitStack() as stack:
            stack.enter_context(bytes_changed(world, lambda _: content, f"{entry.prefix}/{path}"))
            stack.enter_context(bytes_changed(world, json(named), entry.path(LAST)))
            yield

    return damage


DAMAGES = [
    Damage(
        entry.asset,
        "reloads_the_same",
        written_otherwise(entry, label),
        (LAST,),
        f"{label}: other files after loading",
        label,
    )
    for entry in map(catalog.model, GROUPS)
    for label in ("failed", "critical_violation")
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_rule_of_the_store(stored_city, damage):
    damage.hold(stored_city)


@pytest.mark.parametrize("group", GROUPS)
def test_a_model_file_of_somebody_else_is_refused_in_one_sentence(stored_city, group):
    entry = catalog.model(group)
    models = stored_city.document(entry, LAST)["models"]
    assert [one["label"] for one in models if one["model_id"]] == ["failed", "critical_violation"]
    files = [f"{entry.prefix}/{path}" for path in models[-1]["files"]]
    with (
        bytes_changed(stored_city, lambda _: b"\x80\x04\x95 junk", *files),
        pytest.raises(FoodInspectionsError, match="was cut or changed in the object store") as told,
    ):
        stored_city.check(entry.asset, "reloads_the_same")
    assert "\n" not in str(told.value)
