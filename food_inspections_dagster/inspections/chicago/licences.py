"""Chicago's business licences: which codes let a place serve or sell food, and what they tell of it."""

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

#: The kind of facility by licence code (``license_code`` of data set r5kz-chrr) of the licences for which places are
#: inspected; null where places of many kinds hold it. Retail Food Establishment is 95 % of them. A tavern or a shop
#: for liquor with food holds that licence too, and is inspected for it.
FOOD_LICENCES: Mapping[int, str | None] = MappingProxyType(
    {
        1005: "Long Term Care",
        1006: None,  # Retail Food Establishment
        1007: "Wholesale",
        1023: "Children's Services Facility",
        1375: "Hospital",
        1584: "Daycare",
        1585: "Daycare",
        1586: "Daycare",
        4405: "Mobile Food",
        4406: "Mobile Food",
    }
)
_KINDS = {**FOOD_LICENCES, 1315: "Mobile Food", 1329: "Special Event", 1470: "Tavern", 1474: "Liquor"}

#: What the holder of a food licence may also hold at the same address, by licence code.
ALSO_HELD: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "consumption_on_premises": (1475, "to serve alcohol beside food"),
        "tavern": (1470, "of a tavern"),
        "package_goods": (1474, "to sell packaged alcohol"),
        "outdoor_patio": (1477, "for an outdoor patio"),
        "tobacco": (1781, "to sell tobacco"),
        "public_place_of_amusement": (1050, "of a public place of amusement"),
        "limited_business": (1010, "of a limited business"),
    }
)


def facility_types(codes: pa.Array) -> pa.Array:
    """Return the kind of facility (text) that a licence of each code is for, null where it does not tell."""
    known = [code for code, kind in _KINDS.items() if kind]
    kinds = pa.array([_KINDS[code] for code in known], pa.string())
    return kinds.take(pc.index_in(codes, pa.array(known, codes.type)))


def is_food(codes: pa.Array) -> pa.BooleanArray:
    """Return whether a licence of each code is one for which places are inspected."""
    return pc.is_in(codes, value_set=pa.array(list(FOOD_LICENCES), codes.type))
