"""Who is known at the end of a week, with what readers look for: names, addresses, areas, how often it was visited."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.inspections.chains import chain_or_single
from food_inspections_dagster.inspections.chicago import SIDE_OF_ZIP
from food_inspections_dagster.inspections.chicago.community_areas import community_area_names
from food_inspections_dagster.inspections.cohorts import known_establishments
from food_inspections_dagster.inspections.schemas import ESTABLISHMENTS
from food_inspections_dagster.inspections.vocabulary import UNKNOWN
from food_inspections_dagster.weeks import WEEK


def register(
    week: date,
    inspections: pd.DataFrame,
    listed: pd.Series,
    window_days: int,
    business_licenses: pd.DataFrame | None = None,
    community_areas: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the rows of ``ESTABLISHMENTS`` for one week, from what was known at its end.

    Args:
        inspections: ``clean.inspections``; what is dated after the week is not used.
        listed: establishment_id of everybody on the week's lists.
        window_days: see ``cohorts.in_cohort``.
        business_licenses, community_areas: clean tables; None where the source is absent.
    """
    as_of = week + WEEK
    known = known_establishments(inspections, as_of, window_days, business_licenses)
    spine = pd.DataFrame(
        {
            "establishment_id": known["establishment_id"],
            "as_of_date": pd.Series(as_of, known.index, dtype=pd.ArrowDtype(pa.date32())),
            "dba_name": known["dba_name"],
        }
    )
    area = np.full(len(known), UNKNOWN, dtype=object)
    if community_areas is not None:
        latitude, longitude = (known[name].to_numpy(dtype=float, na_value=np.nan) for name in ("latitude", "longitude"))
        area = community_area_names(latitude, longitude, community_areas)
    before = frames.to_arrow(inspections, ("establishment_id", "inspection_date"), "inspections")
    before = before.filter(pc.less(before["inspection_date"], pa.scalar(as_of, pa.date32())))
    oldest = before.group_by("establishment_id").aggregate([("inspection_date", "min")]).to_pandas()
    first = pd.Series(oldest["inspection_date_min"].to_numpy(), oldest["establishment_id"])
    names = frames.texts(known["establishment_id"])
    columns: dict[str, Any] = {str(name): known[name] for name in known.columns}
    columns |= {
        "week": np.full(len(known), week, dtype=object),
        "community_area": pa.array(area, pa.string(), mask=area == UNKNOWN),
        "side": [SIDE_OF_ZIP.get(code or "", UNKNOWN) for code in frames.texts(known["zip"])],
        "chain_or_single": chain_or_single(spine, inspections),
        "first_inspection_date": first.reindex(names).to_numpy(),
        "is_listed": known["establishment_id"].isin(listed.unique()),
    }
    return schemas.typed(columns, ESTABLISHMENTS)
