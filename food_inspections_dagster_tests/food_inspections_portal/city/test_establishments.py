import numpy as np

from food_inspections_portal.city.establishments import LICENSE_STEP, Population, born, texts


def newborn(count: int = 4_000, seed: int = 0, old: bool = False) -> dict[str, np.ndarray]:
    return born(np.random.default_rng(seed), count, 70, 2_000_000, old)


def test_licences_of_new_places_count_up_and_a_few_are_missing():
    licence = newborn()["license"]
    usual = licence > 0
    assert 0.99 < usual.mean() < 1
    assert (np.diff(licence[usual]) % LICENSE_STEP == 0).all() and len(np.unique(licence[usual])) == usual.sum()


def test_places_that_were_there_before_have_older_licences():
    old, new = newborn(old=True), newborn()
    assert np.median(old["license"]) < new["license"][new["license"] > 0].min()
    assert (old["born"] == -1).all() and (new["born"] == 70).all()


def test_a_population_grows_at_its_end():
    population = Population()
    assert len(population) == 0
    assert population.extend(newborn(3)).tolist() == [0, 1, 2]
    assert population.extend(newborn(2, seed=1)).tolist() == [3, 4]
    assert len(population) == len(population["zip"]) == 5


def test_texts_depend_on_the_place_alone():
    both, first = Population(), Population()
    first.extend(newborn(50))
    both.extend(newborn(50))
    both.extend(newborn(50, seed=1))
    shorter, longer = texts(first), texts(both)
    assert longer.regions[0][:50].to_pylist() == shorter.regions[0].to_pylist()
    for name in set(type(shorter).__dataclass_fields__) - {"regions"}:
        assert list(getattr(longer, name))[:50] == list(getattr(shorter, name)), name
