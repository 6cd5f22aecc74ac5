"""The groups that the audit compares: kind of facility, side of the city, community area, risk class, chain or not."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.inspections.vocabulary import UNKNOWN

#: The sides of the city by zip code, after the City's sides of community areas: Far North and North are one
#: here, and so are South, Far Southeast and Far Southwest. Zip codes cross the borders of community areas: it
#: is a rough map.
SIDES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Central": (
            "60601", "60602", "60603", "60604", "60605", "60606", "60607", "60610", "60611", "60654", "60661",
        ),
        "North": (
            "60613", "60614", "60618", "60625", "60626", "60640", "60645", "60647", "60657", "60659", "60660",
        ),
        "Northwest": ("60630", "60631", "60634", "60639", "60641", "60646", "60656", "60666", "60707"),
        "West": ("60608", "60612", "60622", "60623", "60624", "60642", "60644", "60651"),
        "Southwest": ("60609", "60621", "60629", "60632", "60636", "60638", "60652"),
        "South": (
            "60615", "60616", "60617", "60619", "60620", "60628", "60633", "60637", "60643", "60649", "60653",
            "60655", "60827",
        ),
    }
)  # fmt: skip
SIDE_OF_ZIP: Mapping[str, str] = MappingProxyType({z: side for side, zips in SIDES.items() for z in zips})
RISKS: Mapping[int, str] = MappingProxyType({1: "Risk 1 (High)", 2: "Risk 2 (Medium)", 3: "Risk 3 (Low)"})

#: The columns of ``protected_attributes``, and those of feature rows that it reads.
GIVEN_ATTRIBUTES = ("community_area", "chain_or_single")
PROTECTED_ATTRIBUTES = ("facility_type", "side", "risk", *GIVEN_ATTRIBUTES)
ATTRIBUTE_COLUMNS = ("inspection_id", "facility_type", "zip", "risk", *GIVEN_ATTRIBUTES)


def protected_attributes(feature_rows: pd.DataFrame) -> pd.DataFrame:
    """Return inspection_id (int64) and ``PROTECTED_ATTRIBUTES`` (text, 'Unknown' where null) of feature rows.

    Args:
        feature_rows: with the columns ``ATTRIBUTE_COLUMNS``.
    """
    zips = _known(frames.texts(feature_rows["zip"]))
    risk = feature_rows["risk"].to_numpy(dtype="float64", na_value=np.nan)
    values = {
        "inspection_id": feature_rows["inspection_id"],
        "side": [SIDE_OF_ZIP.get(code, UNKNOWN) for code in zips],
        "risk": [RISKS.get(number, UNKNOWN) for number in risk.tolist()],
        **{name: _known(frames.texts(feature_rows[name])) for name in ("facility_type", *GIVEN_ATTRIBUTES)},
    }
    return frames.table(values, {"inspection_id": pa.int64(), **dict.fromkeys(PROTECTED_ATTRIBUTES, pa.string())})


def _known(texts: np.ndarray) -> list[str]:
    return [UNKNOWN if text is None else text for text in texts.tolist()]
