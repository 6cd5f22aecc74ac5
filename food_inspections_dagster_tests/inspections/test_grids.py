import numpy as np

from food_inspections_dagster.inspections.grids import Around, cells

NORTH, EAST = np.array([41.9, 41.9, 41.909, np.nan, 41.9]), np.array([-87.65, -87.65, -87.65, -87.65, np.nan])


def test_places_a_kilometre_apart_are_cells_apart_and_what_is_unknown_is_in_none():
    here = cells(NORTH, EAST, 0.5)
    assert here[0] == here[1] and here[2] - here[0] == 2 << 20 and here[3:].tolist() == [-1, -1]


def test_weights_are_whole_numbers_of_the_distance_up_to_the_reach():
    around = Around(lambda sides: 1024 * np.exp(-sides), reach=3)
    here = cells(NORTH[:1], EAST[:1], 1.0)
    targets = np.sort(np.concatenate([[-1], here + np.array([0, 1, 3, 4]), here + (1 << 20)]))
    found = around.weights(here, targets).toarray()[0]
    assert dict(zip((targets - here).tolist(), found.tolist(), strict=True)) == {
        -1 - int(here[0]): 0, 0: 1024, 1: 377, 3: 51, 4: 0, 1 << 20: 377,
    }  # fmt: skip


def test_any_number_of_cells_is_weighted_alike():
    around = Around(lambda sides: 100 / (1 + sides), reach=2)
    sources, targets = np.arange(10, 400, 3), np.arange(0, 420)
    together = around.weights(sources, targets).toarray()
    alone = np.vstack([around.weights(sources[i : i + 1], targets).toarray() for i in range(len(sources))])
    assert np.array_equal(together, alone)
    assert around.weights(sources[:0], targets).shape == (0, 420)
    assert around.weights(sources, targets[:0]).shape == (130, 0)
