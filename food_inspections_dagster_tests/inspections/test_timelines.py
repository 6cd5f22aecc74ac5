import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from food_inspections_dagster.inspections.timelines import Questions, Timeline, by_day, encode_together

RECORDS = st.lists(st.tuples(st.integers(-1, 3), st.integers(-50, 50), st.booleans()), max_size=30)


@given(RECORDS, st.integers(0, 4), st.integers(-60, 60), st.integers(1, 80))
def test_counts_and_last_records_are_those_of_a_plain_reading(records, group, day, window):
    groups, days, flags = (
        (np.array(values) for values in zip(*records, strict=True)) if records else (np.array([]),) * 3
    )
    ids = np.arange(len(records))
    days = days.astype(np.int64)
    timeline = Timeline.of(groups.astype(np.int64), days, by_day(days, ids))
    asked = Questions(timeline, np.array([group]), np.array([day]))
    past = sorted((d, i) for i, (g, d, _) in enumerate(records) if g == group and d < day)
    assert asked.end[0] - asked.since(None)[0] == len(past)
    assert asked.end[0] - asked.since(window)[0] == sum(d >= day - window for d, _ in past)
    sums = timeline.cumulative(flags.astype(bool))
    assert sums[asked.end[0]] - sums[asked.begin[0]] == sum(records[i][2] for _, i in past)
    flagged = [i for _, i in past if records[i][2]]
    assert asked.last(flags.astype(bool))[0] == (flagged[-1] if flagged else -1)


def test_the_same_text_has_the_same_number_in_all_columns():
    first, second = encode_together(["a", None, "b"], ["b", "c"])
    assert first[1] == -1 and first[2] == second[0]
    assert len({first[0], first[2], second[1]}) == 3
