"""What routine inspections found at places with words of its name beyond what others in their zip codes found.

Words, and pairs of neighbouring words: a chain, a kind of kitchen, a kind of shop.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from food_inspections_dagster.frames import arrow
from food_inspections_dagster.inspections.establishments import normalise_words
from food_inspections_dagster.inspections.features.declarations import Family, Feature, numeric
from food_inspections_dagster.inspections.features.past import Past, ratio
from food_inspections_dagster.inspections.features.surprises import ONE, Surprises
from food_inspections_dagster.inspections.timelines import Ints, Questions, Timeline, by_day

SMOOTHING = 20  # visits as expected that are added to those of each word
VALUES = {
    "grave": ("critical and serious violations", "had {value:more|fewer} critical and serious violations"),
    "critical": ("critical violations", "had {value:more|fewer} critical violations"),
    "failed": ("failures", "failed {value:more|less} often"),
}
_SAYS_NOTHING = re.compile(r"^(.|INC|LLC|LTD|CORP|CORPORATION|CO|COMPANY|THE|OF|AND)$")


def words_of(name: str) -> list[str]:
    """Return the words of a name and its pairs of neighbouring words, each once, in their order."""
    words = [word for word in normalise_words(name).split() if not _SAYS_NOTHING.match(word)]
    return list(dict.fromkeys([*words, *map(" ".join, pairwise(words))]))


@dataclass(frozen=True)
class _Words:
    """The words of names: each as a number, and the position of the name that it is in."""

    questions: Questions
    back: Ints  # of each word of a question, its place among the distinct pairs of word and day
    question: Ints  # ascending
    visit: Ints  # positions in the records, one for each entry of the timeline's table

    @classmethod
    def of(cls, past: Past) -> "_Words":
        records = past.records
        visits = np.flatnonzero(Surprises.of(past).visits & records.public)
        of_visits = arrow(records.table["dba_name"]).take(pa.array(visits))
        names = pa.concat_arrays([of_visits, past.name]).dictionary_encode()
        lists = [words_of(name) for name in names.dictionary.to_pylist()]
        lengths = np.array([len(words) for words in lists] + [0])
        numbers = pa.array([word for words in lists for word in words], pa.string()).dictionary_encode()
        flat = numbers.indices.to_numpy().astype(np.int64)
        starts = np.cumsum(lengths) - lengths
        name = names.indices.fill_null(len(lists)).to_numpy().astype(np.int64)  # the last list is empty
        owner = np.repeat(np.arange(len(name)), lengths[name])
        inside = np.arange(len(owner)) - np.repeat(np.cumsum(lengths[name]) - lengths[name], lengths[name])
        word = flat[starts[name][owner] + inside]
        of_record = owner < len(visits)
        visit = visits[owner[of_record]]
        days = records.days[visit]
        timeline = Timeline.of(word[of_record], days, by_day(days, records.ids[visit]))
        question = owner[~of_record] - len(visits)
        questions, back = Questions.distinct(timeline, word[~of_record], past.questions.days[question])
        return cls(questions, back, question, visit)

    def means(self, values: Ints) -> npt.NDArray[np.float64]:
        """Return the mean of a value of the visits of each word of each question, drawn towards 0."""
        questions = self.questions
        sums = questions.timeline.cumulative(values[self.visit])
        total, visits = sums[questions.end] - sums[questions.begin], questions.end - questions.begin
        return (total / ONE / (visits + SMOOTHING))[self.back]


def _over_names(past: Past, name: str) -> dict[str, npt.NDArray[np.float64]]:
    words: _Words = past.once("words", lambda: _Words.of(past))
    of_words = words.means(Surprises.of(past).values[name])
    size = len(past.questions.days)
    highest = np.full(size, -np.inf)
    np.maximum.at(highest, words.question, of_words)
    # Added up word by word in the order of the name, so that no bit depends on the names beside it.
    counts = np.bincount(words.question, minlength=size)
    means = ratio(np.bincount(words.question, of_words, size), counts)
    return {"mean": means, "max": np.where(counts > 0, highest, np.nan)}


def _value(past: Past, name: str, which: str) -> Any:
    return past.once(name, lambda: _over_names(past, name))[which]


def _features() -> Iterator[Feature]:
    for name, (what, did) in VALUES.items():
        for which, of_words in {"mean": "mean over its words", "max": "highest of its words"}.items():
            yield numeric(
                f"name_beyond_{name}_{which}",
                f"{what[0].upper()}{what[1:]} at places with a word of its name, less what was expected in their zip "
                f"codes, {SMOOTHING} visits as expected added; {of_words} and pairs of words",
                f"places with such a name {did} than others around them",
                (-1.0, 1.0),
                partial(_value, name=name, which=which),
                worse="more",
            )


FAMILY = Family("name_words", tuple(_features()), order=66)
