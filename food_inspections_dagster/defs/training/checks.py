"""A stored model answers as it did when it was made, and learnt from nothing later than its week."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from food_inspections_dagster.catalog import Documents
from food_inspections_dagster.modeling.documents import files_of, models_of
from food_inspections_dagster.modeling.persistence import dump, load, read_card
from food_inspections_dagster.orchestration.rules import Rule, Verdict, names, rule
from food_inspections_dagster.resources.stored import Stored


def rules_of(entry: Documents) -> tuple[Rule, ...]:
    """Return the rules of one model group."""

    @rule(
        entry,
        guards_against="A model that was stored badly, or by other library versions, answers otherwise: the newest "
        "ones are built again from their files, and must give the same files.",
        expects="a model that is loaded again is the same model",
        blocking=True,
        of_store=True,
    )
    def reloads_the_same(weeks: Sequence[date], stored: Stored) -> Verdict:
        document = stored.documents(entry, weeks[-1:]).get(weeks[-1])
        blobs, failing = stored.blobs(entry), []
        for model in models_of(document):
            files = files_of(model["files"], blobs)
            if dump(load(files)) != files:
                failing.append(f"{model['model_group']} {model['label']}")
        words = f"{', '.join(failing)}: other files after loading"
        return Verdict({weeks[-1]: words} if failing else {}, metadata={"week": str(weeks[-1])})

    @rule(
        entry,
        guards_against="A model judged on rows that it learnt from looks better than it is.",
        expects="models know weeks up to their own",
        blocking=True,
    )
    def no_future_rows(weeks: Sequence[date], **values: Any) -> Verdict:
        made = values[entry.asset]
        last_weeks: dict[str, date] = {}
        late: dict[date, object] = {}
        for week in weeks:
            for model in models_of(made.documents[week]):
                for path in (path for path in model["files"] if path.endswith("/model.json")):
                    if path not in last_weeks:
                        card = read_card({"model.json": made.blobs[path]})
                        ends = (card["training_window"]["last_week"], card["calibrated_by"]["last_week"])
                        last_weeks[path] = date.fromisoformat(max(ends))
                    if last_weeks[path] > week:
                        late[week] = f"{path} learnt from {last_weeks[path]}"
        return Verdict(late, metadata={"models": len(last_weeks)})

    @rule(
        entry,
        guards_against="A week without a model gets no list; the first weeks of a history have none.",
        expects="every week from the first that has its models on has them",
    )
    def model_present(weeks: Sequence[date], **values: Any) -> Verdict:
        documents = values[entry.asset].documents
        absent = {
            week: next(model["reason"] for model in documents[week]["models"] if model["model_id"] is None)
            for week in weeks
            if any(model["model_id"] is None for model in documents[week]["models"])
        }
        # The first weeks of a history have too few rows; a later week without a model is a fault, and so is a
        # run whose newest week has none.
        first = next((week for week in weeks if week not in absent), weeks[-1])
        missing = {week: reason for week, reason in absent.items() if week >= first}
        words = f"No model for {names(sorted(missing), 2)}: {missing[min(missing)]}" if missing else ""
        return Verdict(missing, words, metadata={"weeks_without_model": len(absent)})

    return reloads_the_same, no_future_rows, model_present
