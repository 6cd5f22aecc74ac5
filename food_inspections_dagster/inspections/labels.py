"""Labels: what a model is asked to foresee about an inspection.

``failed``: the result is Fail. ``critical_violation``: at least one critical violation (1-14 of the 2010
codebook) or priority violation (2018 codebook). Both are null unless the visit ended in a decision.
"""

import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.inspections.vocabulary import DECISIONS

LABELS = ("failed", "critical_violation")


def failed(results: pa.Array) -> pa.Array:
    """Return whether each inspection failed, null where its result is no decision."""
    return _of_decisions(pc.equal(results, "Fail"), results)


def critical_violation(results: pa.Array, critical_count: pa.Array) -> pa.Array:
    """Return whether each inspection found a critical violation, null where its result is no decision."""
    return _of_decisions(pc.greater(critical_count, 0), results)


def _of_decisions(label: pa.Array, results: pa.Array) -> pa.Array:
    decided = pc.is_in(results, value_set=pa.array(DECISIONS))
    return pc.if_else(decided, label, pa.scalar(None, pa.bool_()))
