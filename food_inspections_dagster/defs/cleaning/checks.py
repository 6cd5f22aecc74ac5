"""No row is lost, none is doubled, and nothing is mapped in silence."""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg
import pandas as pd

from food_inspections_dagster.catalog import INSPECTIONS, REJECTED_INSPECTIONS, VIOLATIONS
from food_inspections_dagster.frames import rows_per_week
from food_inspections_dagster.inspections import vocabulary as words
from food_inspections_dagster.orchestration.rules import Verdict, rule
from food_inspections_dagster.resources.stored import Stored

REJECTED_SHARE = 0.01  # the real portal rejects well below one row in a thousand
UNMATCHED_SHARE = 0.02


@rule(
    INSPECTIONS,
    guards_against="A pipeline on these data lost 1.6 % of its rows on a null name: here every portal row "
    "is an inspection or a rejected row with its reason.",
    expects="raw rows = inspections + rejected rows (exact duplicates among them)",
    blocking=True,
)
def row_conservation(
    weeks: Sequence[date],
    raw_inspections: pd.DataFrame,
    inspections: pd.DataFrame,
    rejected_inspections: pd.DataFrame,
) -> Verdict:
    """Fail weeks in which a row was lost or made up."""
    raw, clean, rejected = (
        rows_per_week(frame, weeks) for frame in (raw_inspections, inspections, rejected_inspections)
    )
    lost = {
        week: f"{raw[week]} raw, {clean[week]} clean, {rejected[week]} rejected"
        for week in weeks
        if raw[week] != clean[week] + rejected[week]
    }
    counts = {"raw": sum(raw.values()), "clean": sum(clean.values()), "rejected": sum(rejected.values())}
    return Verdict(lost, metadata=counts)


@rule(
    INSPECTIONS,
    guards_against="An unmatched spelling becomes 'Other': a bias audit once named a group that matched no row.",
    expects=f"at most {UNMATCHED_SHARE:.0%} of the rows are of a type or visit that is not in the vocabulary",
)
def vocabulary(weeks: Sequence[date], inspections: pd.DataFrame) -> Verdict:
    """Fail the newest week where too many rows are of an unknown type."""
    names = ["facility_type_raw", "inspection_type_raw"]
    spellings = inspections.groupby(names, dropna=False, observed=True).agg(rows=("week", "size"), week=("week", "max"))
    spellings = spellings.reset_index()
    unmatched = words.unmatched_values(spellings)
    unknown = spellings[names[0]].isin(unmatched["value"]) | spellings[names[1]].isin(unmatched["value"])
    share = float(spellings.loc[unknown, "rows"].sum()) / max(1.0, float(spellings["rows"].sum()))
    text = f"{share:.2%} of the rows are of a type or visit that is not in the vocabulary."
    listed = ", ".join(sorted(unmatched["value"])[:50]) or "none"
    return Verdict(
        {weeks[-1]: text} if share > UNMATCHED_SHARE else {}, text, {"unmatched_share": share, "spellings": listed}
    )


@rule(
    INSPECTIONS,
    guards_against="An inspection whose date was corrected moves to another week and must leave its old one.",
    expects="an inspection_id stands in one week only; load the named weeks again",
    blocking=True,
    of_store=True,
)
def unique_ids(weeks: Sequence[date], stored: Stored) -> Verdict:
    """Fail every week that holds an id which stands in another week too."""
    repeated = stored.query(
        """
        select week, inspection_id from {inspections} where inspection_id in (
            select inspection_id from {inspections} where inspection_id in (
                select inspection_id from {inspections} where week between %(first)s and %(last)s
            ) group by inspection_id having count(*) > 1
        ) order by week, inspection_id
        """,
        {"first": weeks[0], "last": weeks[-1]},
    )
    failing: dict[date, object] = {}
    for week, number in zip(repeated["week"], repeated["inspection_id"], strict=True):
        failing[week] = f"{failing[week]}, {number}" if week in failing else str(number)
    return Verdict(failing, metadata={"repeated_ids": repeated["inspection_id"].nunique()})


@rule(
    VIOLATIONS,
    guards_against="Every violation belongs to an inspection of its week, which counts as many.",
    expects="each inspection counts the violations that were parsed from it",
    blocking=True,
)
def counts_match(inspections: pd.DataFrame, violations: pd.DataFrame) -> Mapping[date, object]:
    """Fail weeks in which an inspection counts other violations than it has rows."""
    key = ["week", "inspection_id"]
    parsed = violations.groupby(key, observed=True).size().rename("parsed").reset_index()
    both = inspections[[*key, "violation_count"]].merge(parsed, on=key, how="outer")
    wrong = both[both["violation_count"].fillna(-1).astype("int64") != both["parsed"].fillna(0).astype("int64")]
    return {
        week: f"{count} inspections" for week, count in rows_per_week(wrong, sorted(wrong["week"].unique())).items()
    }


@rule(
    REJECTED_INSPECTIONS,
    guards_against="A new way of writing dates or violations on the portal shows as a wave of rejections.",
    expects=f"at most {REJECTED_SHARE:.0%} of a week's rows are rejected",
)
def rejected_share(weeks: Sequence[date], raw_inspections: pd.DataFrame, rejected_inspections: pd.DataFrame) -> Verdict:
    """Fail weeks with many rejected rows."""
    raw, rejected = rows_per_week(raw_inspections, weeks), rows_per_week(rejected_inspections, weeks)
    many = {
        week: f"{rejected[week]} of {raw[week]}"
        for week in weeks
        if rejected[week] > max(2, REJECTED_SHARE * raw[week])
    }
    reasons = rejected_inspections["reason"].value_counts().to_dict()
    return Verdict(
        many, metadata={"reasons": dg.MetadataValue.json({str(reason): int(rows) for reason, rows in reasons.items()})}
    )


RULES = (row_conservation, vocabulary, unique_ids, counts_match, rejected_share)
