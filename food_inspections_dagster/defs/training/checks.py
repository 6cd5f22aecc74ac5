"""A stored model answers as it did when it was made, and learnt from nothing later than its week."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from food_inspections_dagster.catalog import FEATURE_MATRIX, Documents
from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.documents import backtest_of, files_of
from food_inspections_dagster.modeling.persistence import load, read_card
from food_inspections_dagster.orchestration.rules import Rule, Verdict, names, rule
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.weeks import WEEK

Cards = Callable[[str], Mapping[str, Any]]


def rules_of(entry: Documents) -> tuple[Rule, ...]:
    """Return the rules of one model group."""

    @rule(
        entry,
        guards_against="A model that was stored badly, or by other library versions, answers otherwise: the "
        "newest one is loaded again and has to give the stored scores to the last bit.",
        expects="a model that is loaded again gives the stored scores",
        blocking=True,
        of_store=True,
    )
    def reloads_the_same(weeks: Sequence[date], stored: Stored) -> Verdict:
        documents = stored.documents(entry, weeks)
        judged = next((w for w in reversed(weeks) if documents[w]["backtest"]["rows"]["score"]), None)
        if judged is None:
            return Verdict(metadata={"rows": 0})
        scores = backtest_of({judged: documents[judged]})
        model = load(files_of(documents[judged]["backtest"]["files"], stored.blobs(entry)))
        columns = ["week", "inspection_id", *(name for name, _ in model.features)]
        rows = stored.rows(FEATURE_MATRIX, [judged], columns)
        rows = rows.set_index("inspection_id").loc[scores["inspection_id"]].reset_index()
        again = model.predict(Inputs.of(rows, model.features))
        differing = np.flatnonzero(again != scores["score"].to_numpy())
        words = {judged: f"{differing.size} scores differ"} if differing.size else {}
        return Verdict(words, metadata={"week": str(judged), "rows": len(scores)})

    @rule(
        entry,
        guards_against="A model judged on rows that it learnt from looks better than it is.",
        expects="models know weeks up to their own, and scored weeks only after those",
        blocking=True,
    )
    def no_future_rows(weeks: Sequence[date], **values: Any) -> Verdict:
        made = values[entry.asset]
        last_weeks: dict[str, date] = {}
        late: dict[date, object] = {}
        for week in weeks:
            document = made.documents[week]
            for files, newest in ((document["files"], week), (document["backtest"]["files"], week - WEEK)):
                for path in (path for path in files if path.endswith("/model.json")):
                    if path not in last_weeks:
                        card = read_card({"model.json": made.blobs[path]})
                        last_weeks[path] = date.fromisoformat(card["training_window"]["last_week"])
                    if last_weeks[path] > newest:
                        late[week] = f"{path} learnt from {last_weeks[path]}"
        return Verdict(late, metadata={"models": len(last_weeks)})

    @rule(
        entry,
        guards_against="A week without a model gets no list; the first weeks of a history have none.",
        expects="every week from the first that has a model on has one",
    )
    def model_present(weeks: Sequence[date], **values: Any) -> Verdict:
        documents = values[entry.asset].documents
        absent = {week: documents[week]["reason"] for week in weeks if not documents[week]["model_id"]}
        # The first weeks of a history have too few rows; a later week without a model is a fault, and so is a
        # run whose newest week has none.
        first = next((week for week in weeks if week not in absent), weeks[-1])
        missing = {week: reason for week, reason in absent.items() if week >= first}
        words = f"No model for {names(sorted(missing), 2)}: {missing[min(missing)]}" if missing else ""
        return Verdict(missing, words, metadata={"weeks_without_model": len(absent)})

    return reloads_the_same, no_future_rows, model_present
