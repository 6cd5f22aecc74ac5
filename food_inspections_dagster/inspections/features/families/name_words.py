"""What routine inspections found at places with the same words in their names, of words and of pairs of neighbours."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from food_inspections_dagster.frames import arrow
from food_inspections_dagster.inspections.establishments import normalise_words
from food_inspections_dagster.inspections.features.declarations import SHARE, Family, Feature, numeric
from food_inspections_dagster.inspections.features.past import Past, Records, ratio
from food_inspections_dagster.inspections.timelines import Ints, Mask, Questions, Timeline, by_day

SMOOTHING = 20  # visits at the city's rate that are added to those of each word
TARGETS: dict[str, tuple[str, Callable[[Records], Mask]]] = {
    "critical": ("found a critical violation", lambda records: records.critical),
    "failed": ("failed", lambda records: records.failed),
}
_SAYS_NOTHING = re.compile(r"^(.|INC|LLC|LTD|CORP|CORPORATION|CO|COMPANY|THE|OF|AND)$")


def words_of(name: str) -> list[str]:
    """Return the words of a name and its pairs of neighbouring words, each once, in their order."""
    words = [word for word in normalise_words(name).split() if not _SAYS_NOTHING.match(word)]
    return list(dict.fromkeys([*words, *(f"{one} {next_}" for one, next_ in zip(words, words[1:], strict=False))]))


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
        visits = np.flatnonzero(records.canvass)
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

    def rates(self, past: Past, flag: Mask) -> npt.NDArray[np.float64]:
        """Return the rate of each word of each question, drawn towards the city's; NaN before the first visit."""
        questions = self.questions
        sums = questions.timeline.cumulative(flag[self.visit])
        hits, visits = sums[questions.end] - sums[questions.begin], questions.end - questions.begin
        return ((hits + SMOOTHING * _of_city(past, flag, questions.days)) / (visits + SMOOTHING))[self.back]


def _of_city(past: Past, flag: Mask, days: Ints) -> npt.NDArray[np.float64]:
    records = past.records
    timeline = records.timeline(np.where(records.canvass, 0, -1))
    end = timeline.before(np.zeros_like(days), days)
    return ratio(timeline.cumulative(flag)[end], end)


def _over_names(past: Past, target: str) -> dict[str, npt.NDArray[np.float64]]:
    words: _Words = past.once("words", lambda: _Words.of(past))
    rates = words.rates(past, TARGETS[target][1](past.records))
    size = len(past.questions.days)
    highest = np.full(size, -np.inf)
    np.maximum.at(highest, words.question, rates)
    # Added up word by word in the order of the name, so that no bit depends on the names beside it.
    counts = np.bincount(words.question, minlength=size)
    means = ratio(np.bincount(words.question, rates, size), counts)
    return {"mean": means, "max": np.where(counts > 0, highest, np.nan)}


def _value(past: Past, target: str, which: str) -> Any:
    return past.once(target, lambda: _over_names(past, target))[which]


def _features() -> Iterator[Feature]:
    for target, (words, _) in TARGETS.items():
        for which, of_words in {"mean": "mean over its words", "max": "highest of its words"}.items():
            yield numeric(
                f"name_{target}_{which}",
                f"Share of routine inspections of places with a word of its name that {words}, drawn towards the "
                f"city's; {of_words} and pairs of words",
                f"{{value:.0%}} of routine inspections of places with words of its name {words}",
                SHARE,
                partial(_value, target=target, which=which),
            )


FAMILY = Family("name_words", tuple(_features()), order=100)
