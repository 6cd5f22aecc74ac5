import numpy as np
import pytest

from food_inspections_portal.city import violations_text as texts

COUNT = 6000


@pytest.fixture(scope="module")
def result():
    return np.repeat([texts.PASS, texts.FAIL, texts.CONDITIONS], COUNT // 3)


def test_old_violations_agree_with_the_result(result):
    flat = np.zeros(COUNT)
    findings = texts.find_old(np.random.default_rng(1), result, flat, flat, np.zeros(COUNT, bool), 0.0, True)
    codes = texts.OLD_CODES[findings.code]
    assert (np.diff(findings.inspection) >= 0).all()
    graver = np.zeros(COUNT, bool)
    graver[findings.inspection[codes < 30]] = True
    assert graver[result == texts.FAIL].mean() > 0.95
    assert graver[result == texts.CONDITIONS].mean() > 0.95
    assert graver[result == texts.PASS].mean() < 0.01


def test_new_violations_agree_with_the_result(result):
    flat = np.zeros(COUNT)
    findings = texts.find_new(np.random.default_rng(1), result, flat, flat, np.zeros(COUNT, bool), 0.0)
    worst = np.zeros(COUNT, dtype=int)
    np.maximum.at(worst, findings.inspection, findings.severity)
    assert (worst[result != texts.PASS] > texts.CORE).all()
    assert (worst[result == texts.PASS] == texts.CORE).all()
    assert (worst == texts.PRIORITY)[result == texts.FAIL].mean() > (worst == texts.PRIORITY)[
        result == texts.CONDITIONS
    ].mean()


def test_empty_inspections_have_no_text():
    result = np.full(4, texts.FAIL)
    empty = np.array([True, False, True, False])
    findings = texts.find_old(np.random.default_rng(1), result, np.zeros(4), np.zeros(4), empty, 0.0, False)
    written = texts.write(findings, 4, np.zeros(4, bool)).to_pylist()
    assert [text is None for text in written] == empty.tolist()


def test_titles_keep_their_double_blanks_and_stars():
    codes = {f"{code}" for code in texts.OLD_CODES}
    assert len(texts.OLD_CODES) == 46 and "70" in codes
    assert texts.NEW_CODES.tolist() == list(range(1, 65))
    findings = texts.Findings(*(np.array(values) for values in ([0, 0], [3, 20], [0, 0], [5, 7])))
    (text,) = texts.write(findings, 1, np.array([False])).to_pylist()
    assert "CUTTING BOARDS, FOOD  HANDLERS" in text
    assert "21. * CERTIFIED FOOD MANAGER ON SITE WHEN POTENTIALLY HAZARDOUS FOODS ARE  PREPARED" in text
    assert " | 21. " in text
