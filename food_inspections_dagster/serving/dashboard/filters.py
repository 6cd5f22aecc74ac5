"""What a reader has chosen, and the query string that keeps it: a link shows the same list to somebody else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from food_inspections_dagster.serving.parameters import pattern
from food_inspections_dagster.serving.queries import NO_FILTER

#: Visits of a health department of Chicago's size, where a reader has not said otherwise.
INSPECTORS, VISITS_A_DAY = 6, 4
MOST_INSPECTORS, MOST_VISITS_A_DAY = 40, 12
DAYS_A_WEEK: Final = 5
_MOST_CHOICES, _MOST_LETTERS = 100, 80


@dataclass(frozen=True)
class Filters:
    """Choices of a reader; every value is bounded, whatever stood in the address.

    Attributes:
        week: Monday of the published week that is shown; None for the one that all readers are shown.
        label: what is to be found; None for the first one that is published.
        facility_type, community_area: those that are shown, all where empty.
        risk: classes 1 to 3, all where empty.
        text: words, each of which must stand in the name, the address or the number.
        inspectors, visits: inspectors, and visits of each a day.
        table: whose profile is shown; the usual one where empty.
    """

    week: date | None = None
    label: str | None = None
    facility_type: tuple[str, ...] = ()
    risk: tuple[int, ...] = ()
    community_area: tuple[str, ...] = ()
    text: str = ""
    inspectors: int = INSPECTORS
    visits: int = VISITS_A_DAY
    table: str = ""

    @classmethod
    def of(cls, **values: Any) -> "Filters":
        """Return the choices of untrusted values, as controls of the page or parts of an address give them."""
        risks = [_number(one, 0, 9) for one in _list(values.get("risk"))]
        return cls(
            week=_day(values.get("week")),
            label=_text(values.get("label")) or None,
            facility_type=tuple(_texts(values.get("facility_type"))),
            risk=tuple(one for one in risks if one in (1, 2, 3)),
            community_area=tuple(_texts(values.get("community_area"))),
            text=_text(values.get("text")),
            inspectors=_number(values.get("inspectors"), INSPECTORS, MOST_INSPECTORS),
            visits=_number(values.get("visits"), VISITS_A_DAY, MOST_VISITS_A_DAY),
            table=_text(values.get("table")),
        )

    @classmethod
    def from_search(cls, search: str | None) -> "Filters":
        """Read the query string of an address; what it does not know is left out."""
        values: dict[str, Any] = dict(parse_qs((search or "").lstrip("?"), max_num_fields=500))
        for name in ("week", "label", "text", "inspectors", "visits", "table"):
            if name in values:
                values[name] = values[name][-1]
        return cls.of(**values)

    def search(self) -> str:
        """Return the query string; what is as by default is left out."""
        parts = [
            (one.name, str(value))
            for one in fields(self)
            for value in _list(getattr(self, one.name))
            if value not in (None, "") and getattr(self, one.name) != one.default
        ]
        return f"?{urlencode(parts)}" if parts else ""

    def elsewhere(self) -> str:
        """Return the query string of other pages: the week stays."""
        return Filters(week=self.week).search()

    @property
    def capacity(self) -> int:
        """Visits in a week."""
        return self.inspectors * self.visits * DAYS_A_WEEK

    def values(self) -> Mapping[str, Any]:
        """Return the values of the filter of a list; None for what is not filtered."""
        return {
            **NO_FILTER,
            "facility_type": list(self.facility_type) or None,
            "risk": list(self.risk) or None,
            "community_area": list(self.community_area) or None,
            "words": [pattern(word) for word in self.text.split()] or None,
        }


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _text(value: Any) -> str:
    # Postgres' text knows no NUL.
    return value.replace("\0", "").strip()[:_MOST_LETTERS] if isinstance(value, str) else ""


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _texts(value: Any) -> list[str]:
    return [text for one in _list(value)[:_MOST_CHOICES] if (text := _text(one))]


def _number(value: Any, otherwise: int, most: int) -> int:
    try:
        return min(max(int(value), 1), most)
    except (TypeError, ValueError, OverflowError):
        return otherwise
