from food_inspections_dagster.catalog import model
from food_inspections_dagster.defs.training import tasks
from food_inspections_dagster.modeling.documents import models_of
from food_inspections_dagster.modeling.splits import anchor_of
from food_inspections_dagster.resources.workspace import workspace
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK
from food_inspections_dagster_tests.defs.city import CITY


def test_the_stored_models_of_an_anchor_are_known(stored_city):
    for algorithm in stored_city.settings.models.algorithms:
        known = tasks.known_to(stored_city.stored, model(algorithm), algorithm)
        assert set(known(CITY[-1])) == {"failed", "critical_violation"} and known(FIRST_WEEK - WEEK) == {}


def test_of_the_models_that_are_wanted_those_that_are_whole_are_told_with_their_hashes(stored_city):
    entry, objects = model("xgboost"), stored_city.objects
    anchor = anchor_of(CITY[-1], stored_city.settings.models.schedule)
    stored = {one["label"]: one for one in models_of(stored_city.document(entry, anchor))}
    task = {
        "algorithm": "xgboost",
        "model_group": "xgboost",
        "anchor": anchor.isoformat(),
        "wanted": {label: one["model_id"] for label, one in stored.items()},
    }
    with workspace(objects) as where:
        told = tasks.known(task, where)["models"]
        assert {label: one["model_id"] for label, one in told.items()} == task["wanted"]
        of_document = {path.rsplit("/", 1)[-1]: sha256 for path, sha256 in stored["failed"]["files"].items()}
        assert told["failed"]["files"] == of_document
        other = {**task, "wanted": {**task["wanted"], "failed": "another"}}
        assert set(tasks.known(other, where)["models"]) == {"critical_violation"}
        path = f"{entry.prefix}/{next(path for path in stored['failed']['files'] if path.endswith('.ubj'))}"
        whole = objects.get(path)
        objects.put(path, whole[:-1])
        try:
            assert set(tasks.known(task, where)["models"]) == {"critical_violation"}, "one that was cut is not known"
        finally:
            objects.put(path, whole)
