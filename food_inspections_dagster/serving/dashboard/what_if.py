"""What a number of visits a week would give: finds, and how much sooner they come than in no particular order."""

from dataclasses import dataclass

from food_inspections_dagster.weeks import WEEK


@dataclass(frozen=True)
class Promise:
    """What a list promises as a whole.

    Attributes:
        places: on the list.
        finds: expected of visits to all of them.
        rank_of_finds: mean rank of what is to be found: the ranks weighted by the probability of a find.
    """

    places: int
    finds: float
    rank_of_finds: float

    def usual_finds(self, visits: int) -> float:
        """Finds that the same number of visits would give in no particular order."""
        return self.finds * min(visits, self.places) / self.places if self.places else 0.0

    def weeks_needed(self, visits: int) -> float:
        """Weeks until every place has been visited once."""
        return self.places / visits

    def days_earlier(self, visits: int) -> float | None:
        """Mean days by which finds come earlier than in no particular order, when the whole list is worked through.

        A place of rank r is visited r / visits weeks from now; in no particular order, half of the weeks that are
        needed. None where nothing is to be found.
        """
        if not self.places or self.finds <= 0:
            return None
        return ((self.places + 1) / 2 - self.rank_of_finds) * WEEK.days / visits
