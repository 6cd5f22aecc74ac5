import pandas as pd

from food_inspections_dagster.modeling import schemas
from food_inspections_dagster.modeling.fairness.audits import BiasReport, audit, with_overall
from food_inspections_dagster.modeling.fairness.words import summary
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.modeling.fairness.cases import COUNTS, RULE, WEEK_0, cell_of, rows_of


def test_verdicts_in_words(report: BiasReport) -> None:
    sentences = dict(zip(report.verdicts["group"], report.verdicts["sentence"], strict=True))
    verdict = dict(zip(report.verdicts["group"], report.verdicts["verdict"], strict=True))
    assert verdict == {
        "Restaurant": schemas.REFERENCE,
        "Grocery Store": schemas.OUTSIDE,
        "School": schemas.OUTSIDE,
    }
    assert sentences["Grocery Store"].startswith("Grocery Store (150 inspections): its false positive rate of 64%")
    assert "2.55 times that of Restaurant" in sentences["Grocery Store"]
    assert "its establishments that would pass are put on the list more often" in sentences["Grocery Store"]
    overall = report.overall[0]
    assert overall.verdict == schemas.OUTSIDE and overall.rows == 640
    assert "0 of the 2 groups that can be judged are within 0.8 to 1.25" in overall.sentence
    assert "outside: facility_type Grocery Store, facility_type School" in overall.sentence
    assert with_overall(report)["attribute"].tolist()[-1] == "overall"


def test_small_groups_are_named_but_not_judged() -> None:
    cells = {**COUNTS, ("Bakery", True, False): 8, ("Bakery", False, False): 8}
    report = audit(rows_of(cells), RULE, WEEK_0)
    verdict = dict(zip(report.verdicts["group"], report.verdicts["verdict"], strict=True))
    assert verdict["Bakery"] == schemas.TOO_SMALL
    assert "Bakery (16 inspections) is too small to judge: 20 are needed." in report.verdicts["sentence"].tolist()
    # Large enough, but with hardly a place on the list: only what rests on enough rows is judged.
    cells = {**COUNTS, ("Bakery", True, False): 2, ("Bakery", False, False): 30, ("School", True, False): 118}
    report = audit(rows_of(cells), RULE, WEEK_0)
    assert cell_of(report, "Bakery", "fdr")["verdict"] == schemas.TOO_SMALL
    assert cell_of(report, "Bakery", "fpr")["verdict"] in (schemas.OUTSIDE, schemas.UNCERTAIN)


def test_a_missing_reference_is_named() -> None:
    cells = {key: n for key, n in COUNTS.items() if key[0] != "Restaurant"}
    cells[("School", False, False)] += 220 - 120
    report = audit(rows_of(cells), RULE, WEEK_0)
    assert report.table["disparity"].isna().all() and set(report.verdicts["verdict"]) == {schemas.TOO_SMALL}
    assert "the reference group has no rows" in report.verdicts["sentence"][0]
    assert report.overall[0].verdict == schemas.TOO_SMALL


def test_a_reference_at_zero_is_undefined_in_words() -> None:
    cells = {
        ("Restaurant", True, True): 100,
        ("Restaurant", False, True): 10,
        ("Restaurant", False, False): 400,
        ("School", True, False): 410,
        ("School", False, True): 100,
        ("School", False, False): 300,
        ("Bakery", True, True): 400,
        ("Bakery", False, False): 100,
    }
    report = audit(rows_of(cells), RULE, WEEK_0)
    for group in ("School", "Bakery"):
        cell = cell_of(report, group, "fpr")
        assert cell["verdict"] == schemas.UNDEFINED
        assert pd.isna(cell["disparity"]) and pd.isna(cell["disparity_low"]) and pd.isna(cell["disparity_high"])
    sentences = dict(zip(report.verdicts["group"], report.verdicts["sentence"], strict=True))
    assert (
        "its false positive rate of 58% (54% to 61%) cannot be compared, for that of Restaurant" in sentences["School"]
    )
    assert "10.00 times" not in sentences["School"] and "too few" not in sentences["Bakery"]
    assert (
        "undefined, for their reference is 0: facility_type Bakery, facility_type School" in report.overall[0].sentence
    )
    assert report.overall[0].verdict == schemas.UNDEFINED


def test_the_denominator_that_is_too_small_is_named() -> None:
    cells = {
        ("Restaurant", True, True): 3,
        ("Restaurant", True, False): 1,
        ("Restaurant", False, True): 100,
        ("Restaurant", False, False): 200,
        ("School", True, False): 400,
        ("School", False, False): 104,
    }
    report = audit(rows_of(cells), RULE, WEEK_0)
    assert cell_of(report, "School", "fdr")["verdict"] == schemas.TOO_SMALL
    sentence = dict(zip(report.verdicts["group"], report.verdicts["sentence"], strict=True))["School"]
    assert (
        "its false discovery rate cannot be judged, for that of Restaurant, its reference, rests on too few" in sentence
    )
    assert "too few rows (4; 5 are needed)" in sentence


def test_one_sentence_for_each_attribute(report: BiasReport) -> None:
    verdicts = with_overall(report)
    assert summary(verdicts, WEEK_0) == {
        "facility_type": "facility_type: 0 of 2 groups within the bounds of Restaurant; outside: Grocery Store, School."
    }
    assert summary(verdicts, WEEK_0, most=1)["facility_type"].endswith("outside: Grocery Store and 1 more.")
    assert summary(verdicts, WEEK_0 + WEEK) == {}
    small = audit(
        rows_of(COUNTS), AuditRule(attributes=("facility_type",), capacity_share=0.5, min_group_size=900), WEEK_0
    )
    assert summary(with_overall(small), WEEK_0) == {
        "facility_type": "facility_type: no group can be judged; 2 too small to judge."
    }
