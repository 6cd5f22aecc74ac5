"""How like the City the simulated city is: the same counts over both, side by side.

The real numbers are counts over the City's published rows, 2011-2014: all canvass inspections with a decision
(27,600), all visits of every purpose (67,497), and all inspections of 250 licences with their texts (966). For the
codebook since July 2018 there are 331 inspections of 2018-2020.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

_WINDOW = ("2011-09-02", "2014-12-31")  # of the 27,600 canvass inspections
_CODE = r"(?:^| \| )(\d{1,2})\. "
_DECISIONS = ("Pass", "Fail", "Pass w/ Conditions")

Row = tuple[str, float, float, float]


def calibration(table: pa.Table, scale: float = 1.0) -> pd.DataFrame:
    """Count the same things over simulated rows as were counted over the City's.

    Args:
        table: rows of ``simulate`` that cover 2011-09 to 2014-12, or weeks after July 2018, or both.
        scale: the scale they were simulated at, to compare volumes.

    Returns:
        one row per statistic: ``statistic``, ``simulated``, ``real``, ``tolerance`` (absolute, of the
        difference), ``within``. Shares are percent.
    """
    rows = table.select([name for name in table.column_names if not name.startswith(":")]).to_pandas()
    rows["day"] = pd.to_datetime(rows["inspection_date"].str.slice(0, 10))
    rows = rows.sort_values(["day", "inspection_id"], kind="stable").reset_index(drop=True)
    old, recent = rows[rows["day"] < "2018-07-01"], rows[rows["day"] >= "2018-07-01"]
    window = old[old["day"].between(*_WINDOW)]
    compared: list[Row] = []
    if len(window):
        licensed = window["license_"].notna() & (window["license_"] != "0")
        canvass = window[(window["inspection_type"] == "Canvass") & window["results"].isin(_DECISIONS) & licensed]
        canvass = canvass.join(_counts(canvass["violations"]))
        compared += [
            *_volume(window, canvass, scale),
            *_kinds(window, canvass),
            *_results(old, canvass),
            *_violations(canvass),
            *_memory(canvass),
            *_agains(old),
            *_gaps(canvass),
            *_texts(old),
            *_oddities(canvass),
        ]
    if len(recent):
        compared += _since_2018(recent)
    report = pd.DataFrame(compared, columns=["statistic", "simulated", "real", "tolerance"])
    report["within"] = (report["simulated"] - report["real"]).abs() <= report["tolerance"]
    return report


def _share(condition: pd.Series) -> float:
    return 100 * float(condition.mean())


def _codes(violations: pd.Series) -> pd.Series:
    """Return the codes of each text, in its order."""
    return violations.fillna("").str.findall(_CODE).map(lambda codes: [int(code) for code in codes])


def _counts(violations: pd.Series) -> pd.DataFrame:
    """Return how often each code stands in each text (``code_1`` ...), and sums by severity."""
    codes = _codes(violations)
    counts = np.zeros((len(codes), 71), dtype=np.int64)
    flat = codes.explode().dropna().astype(np.int64).to_numpy()
    np.add.at(counts, (np.repeat(np.arange(len(codes)), codes.map(len)), flat), 1)
    table = pd.DataFrame(counts, index=violations.index, columns=[f"code_{code}" for code in range(71)])
    sums = {"critical": (1, 15), "serious": (15, 30), "minor": (30, 45), "violations_counted": (1, 71)}
    return table.assign(**{name: counts[:, low:high].sum(axis=1) for name, (low, high) in sums.items()})


def _volume(window: pd.DataFrame, canvass: pd.DataFrame, scale: float) -> Iterator[Row]:
    for name, part, mean, tolerance in (
        ("all purposes", window, 374, 45),
        ("canvass decided", canvass, 159, 16),
    ):
        weekly = part.groupby(part["day"].dt.to_period("W")).size().iloc[1:-1]
        yield f"volume: {name} a week", weekly.mean() / scale, mean, tolerance
    for year, counted in ((2012, 131), (2013, 171), (2014, 191)):
        weekly = canvass[canvass["day"].dt.year == year].groupby(canvass["day"].dt.to_period("W")).size()
        yield f"volume: canvass decided a week, {year}", weekly.iloc[1:-1].mean() / scale, counted, 20
    weekdays = canvass["day"].dt.weekday
    for number, (name, share) in enumerate(
        (
            ("Mon", 18.0),
            ("Tue", 21.2),
            ("Wed", 17.8),
            ("Thu", 22.3),
            ("Fri", 20.6),
            ("Sat", 0.0),
            ("Sun", 0.0),
        )
    ):
        yield f"weekday: {name} %", _share(weekdays == number), share, 2.0


def _kinds(window: pd.DataFrame, canvass: pd.DataFrame) -> Iterator[Row]:
    for name, real, tolerance in (
        ("Canvass", 53.7, 4), ("License", 12.67, 2), ("Canvass Re-Inspection", 9.07, 2),
        ("Complaint", 8.76, 1.5), ("License Re-Inspection", 4.99, 1.2), ("Short Form Complaint", 4.24, 0.8),
        ("Complaint Re-Inspection", 3.77, 1.6), ("Suspected Food Poisoning", 0.46, 0.25),
        ("License-Task Force", 0.53, 0.3), ("Tag Removal", 0.49, 0.3), ("Consultation", 0.45, 0.3),
    ):  # fmt: skip
        yield f"type: {name} %", _share(window["inspection_type"] == name), real, tolerance
    for name, real, tolerance in (
        ("Restaurant", 69.87, 3), ("Grocery Store", 11.51, 2), ("School", 10.87, 4.5), ("Bakery", 1.66, 0.7),
    ):  # fmt: skip
        yield f"facility: {name} %", _share(canvass["facility_type"] == name), real, tolerance
    for name, real, tolerance in (
        ("Risk 1 (High)", 75.9, 3),
        ("Risk 2 (Medium)", 19.78, 3),
        ("Risk 3 (Low)", 4.33, 1.5),
    ):
        yield f"risk: {name} %", _share(canvass["risk"] == name), real, tolerance
    shares = canvass["zip"].value_counts(normalize=True) * 100
    for name, real in (("60614", 3.93), ("60611", 3.72), ("60640", 2.63), ("60666", 2.05)):
        yield f"zip: {name} %", float(shares.get(name, 0.0)), real, 1.0


def _results(old: pd.DataFrame, canvass: pd.DataFrame) -> Iterator[Row]:
    results = canvass["results"]
    for name, real in (("Fail", 19.76), ("Pass w/ Conditions", 13.23), ("Pass", 67.01)):
        yield f"canvass: {name} %", _share(results == name), real, 1.6
    yield "canvass: any critical %", _share(canvass["critical"] > 0), 13.5, 1.6
    for name, real, tolerance in (("Grocery Store", 25.2, 4), ("Restaurant", 18.7, 2)):
        chosen = canvass["facility_type"] == name
        yield f"canvass: Fail % of {name}", _share(results[chosen] == "Fail"), real, tolerance
    chosen = canvass["risk"] == "Risk 3 (Low)"
    yield "canvass: Fail % of Risk 3 (Low)", _share(results[chosen] == "Fail"), 29.2, 6
    for name, months, real in (("summer", (6, 7, 8, 9), 21.5), ("winter", (12, 1, 2), 18.4)):
        chosen = canvass["day"].dt.month.isin(months)
        yield f"canvass: Fail % in {name}", _share(results[chosen] == "Fail"), real, 2.5
    by_zip = canvass.groupby("zip")["results"].agg(
        n="size", fail=lambda results: (results == "Fail").mean()
    )  # fmt: skip
    by_zip = by_zip[by_zip["n"] >= 100]
    # What a zip's rate spreads beyond chance: 60 zips of 28 to 1,085 rows in the City's file.
    chance = (by_zip["fail"] * (1 - by_zip["fail"]) / by_zip["n"]).mean()
    yield (
        "zip: spread of Fail % beyond chance",
        100 * np.sqrt(max(by_zip["fail"].var() - chance, 0)),
        8.0,
        3.0,
    )
    every = old[old["inspection_type"] == "Canvass"]["results"]
    yield "canvass: Out of Business %", _share(every == "Out of Business"), 17.1, 3
    yield "canvass: No Entry %", _share(every == "No Entry"), 2.1, 1
    for kind, result, real, tolerance in (
        ("License", "Fail", 37.2, 5), ("License Re-Inspection", "Fail", 16.1, 5),
        ("Complaint", "Fail", 28.8, 6),
        ("Complaint", "Pass w/ Conditions", 16.4, 5), ("Canvass Re-Inspection", "Pass", 91.8, 5),
        ("Short Form Complaint", "Pass", 87.1, 6),
    ):  # fmt: skip
        yield (
            f"{kind}: {result} %",
            _share(old[old["inspection_type"] == kind]["results"] == result),
            real,
            tolerance,
        )


def _violations(canvass: pd.DataFrame) -> Iterator[Row]:
    number = canvass["violations_counted"]
    for result, mean, spread, none in (
        ("Pass", 3.4, 1.8, 3.1),
        ("Fail", 6.11, 2.86, 2.2),
        ("Pass w/ Conditions", 5.19, 2.42, 0.2),
    ):
        counted = number[canvass["results"] == result]
        yield f"violations of {result}: mean", counted.mean(), mean, 0.4
        yield f"violations of {result}: sd", counted.std(), spread, 0.6
        yield f"violations of {result}: none %", _share(counted == 0), none, 3.0
    for result, shares, mean in (
        ("Fail", (28.9, 94.7, 26.0), 0.439),
        ("Pass w/ Conditions", (58.2, 54.1, 13.1), 0.835),
    ):
        chosen = canvass[canvass["results"] == result]
        critical, serious = chosen["critical"] > 0, chosen["serious"] > 0
        yield f"{result}: any critical %", _share(critical), shares[0], 4
        yield f"{result}: any serious %", _share(serious), shares[1], 4
        yield f"{result}: critical and serious %", _share(critical & serious), shares[2], 4
        yield f"{result}: mean critical", chosen["critical"].mean(), mean, 0.12
    frequency = {
        2: 3.67, 3: 7.14, 11: 1.54, 12: 1.82, 16: 3.92, 18: 11.91, 19: 2.35, 21: 7.18, 24: 2.17, 29: 4.33,
        30: 15.36, 31: 9.56, 32: 40.65, 33: 55.2, 34: 60.74, 35: 48.69, 36: 20.89, 38: 42.64, 40: 13.52,
        41: 27.09, 43: 8.15,
    }  # fmt: skip
    for code, real in frequency.items():
        yield f"code {code}: %", _share(canvass[f"code_{code}"] > 0), real, 1.2 + 0.07 * real
    warm, food = canvass["code_2"] > 0, canvass["code_3"] > 0
    yield "codes 2 and 3: lift", (warm & food).mean() / (warm.mean() * food.mean()), 12.4, 3.5


def _memory(canvass: pd.DataFrame) -> Iterator[Row]:
    ordered = canvass.sort_values(["license_", "day"], kind="stable")
    before = ordered.groupby("license_")[["results", "critical", "serious", "day"]].shift()
    first = before["results"].isna()
    fail, critical = ordered["results"] == "Fail", ordered["critical"] > 0
    conditions = ordered["results"] == "Pass w/ Conditions"
    for name, chosen, values in (
        ("none", first, (21.8, 13.6, 13.9)),
        ("Pass", before["results"] == "Pass", (15.0, 11.3, 10.9)),
        ("Fail", before["results"] == "Fail", (27.6, 14.1, 17.2)),
        ("Pass w/ Conditions", before["results"] == "Pass w/ Conditions", (22.2, 20.5, 20.2)),
        ("with a critical", ~first & (before["critical"] > 0), (26.8, 17.6, 22.0)),
        ("without a critical", ~first & (before["critical"] == 0), (16.9, 12.3, 11.9)),
        ("with a serious", ~first & (before["serious"] > 0), (25.9, 16.6, 17.9)),
        ("without a serious", ~first & (before["serious"] == 0), (15.7, 11.8, 11.7)),
    ):
        for label, outcome, real in zip(
            ("Fail", "conditions", "critical"), (fail, conditions, critical), values, strict=True
        ):
            yield f"previous {name}: {label} %", _share(outcome[chosen]), real, 4.0


def _agains(old: pd.DataFrame) -> Iterator[Row]:
    known = old[old["license_"].notna() & (old["license_"] != "0")]
    ordered = known.sort_values(["license_", "day"], kind="stable")
    after = ordered.groupby("license_")[["inspection_type", "day", "results"]].shift(-1)
    failed = (ordered["results"] == "Fail") & (ordered["day"] < ordered["day"].max() - pd.Timedelta(days=60))
    again = after["inspection_type"].fillna("").str.contains("Re-?inspection", case=False)
    yield "after a Fail: re-inspection next %", _share(again[failed]), 88.0, 4.0
    lag = (after["day"] - ordered["day"]).dt.days[failed & again]
    for level, real, tolerance in ((0.1, 4, 2), (0.5, 7, 1), (0.9, 15, 4)):
        yield (
            f"re-inspection after a Fail: days, p{100 * level:.0f}",
            float(lag.quantile(level)),
            real,
            tolerance,
        )
    yield "re-inspection after a Fail: Pass %", _share(after["results"][failed & again] == "Pass"), 88.3, 4.0


def _gaps(canvass: pd.DataFrame) -> Iterator[Row]:
    ordered = canvass.sort_values(["license_", "day"], kind="stable")
    gap = (ordered["day"] - ordered.groupby("license_")["day"].shift()).dt.days
    for level, real, tolerance in (
        (0.1, 178, 35),
        (0.25, 251, 35),
        (0.5, 331, 35),
        (0.75, 405, 45),
        (0.9, 511, 60),
    ):
        yield f"days between canvasses, p{100 * level:.0f}", float(gap.quantile(level)), real, tolerance
    times = ordered.groupby("license_").size()
    yield "canvasses of a licence: mean", float(times.mean()), 2.23, 0.35
    yield "canvasses of a licence: one only %", _share(times == 1), 34.1, 8


def _texts(old: pd.DataFrame) -> Iterator[Row]:
    texts = old["violations"].dropna().iloc[::4]  # a quarter of the texts says as much
    for level, real, tolerance in ((0.1, 307, 120), (0.5, 924, 150), (0.9, 2183, 450)):
        yield (
            f"text before July 2018: length, p{100 * level:.0f}",
            float(texts.str.len().quantile(level)),
            real,
            tolerance,
        )
    codes = _codes(texts)
    yield "text before July 2018: codes ascend %", _share(codes.map(lambda c: c == sorted(c))), 51.0, 9
    violations = texts.str.split(r" \| (?=\d{1,2}\. )", regex=True).explode()
    comments = violations.str.split(" - Comments: ", n=1).str[1].fillna("")
    for name, condition, share, allowed in (
        ("newline", comments.str.contains("\n"), 21.7, 6),
        ("double space", comments.str.contains("  "), 12.1, 5),
        ("blank at the end", comments.str.contains(r"\s$"), 15.1, 5),
        ("lower case", comments.str.contains("[a-z]"), 25.6, 8),
        ("nothing", comments == "", 0.9, 0.6),
    ):
        yield f"comment before July 2018: {name} %", _share(condition), share, allowed


def _since_2018(recent: pd.DataFrame) -> Iterator[Row]:
    """Compare with 331 inspections, most of the winter of 2019/20: few, hence the wide tolerances."""
    decided = recent[recent["results"].isin(_DECISIONS)]
    number = decided["violations"].fillna("").str.count(_CODE)
    length = decided["violations"].str.len()
    for result, mean, mean_allowed in (("Pass", 0.78, 0.2), ("Fail", 7.62, 1.5), ("Pass w/ Conditions", 5.42, 1.2)):
        yield f"since July 2018, {result}: violations", number[decided["results"] == result].mean(), mean, mean_allowed
    passed = decided["results"] == "Pass"
    yield "since July 2018, Pass: no violations %", _share(number[passed] == 0), 54.8, 8.0
    violations = decided["violations"].dropna().str.split(r" \| (?=\d{1,2}\. )", regex=True).explode()
    comments = violations.str.split(" - Comments: ", n=1).str[1].fillna("")
    for level, real, tolerance in ((0.1, 73, 30), (0.5, 144, 30), (0.9, 328, 60)):
        value = float(comments.str.len().quantile(level))
        yield f"comment since July 2018: length, p{100 * level:.0f}", value, real, tolerance
    yield "comment since July 2018: names a citation %", _share(comments.str.contains("CITATION ISSUED")), 24.9, 6.0
    yield "text since July 2018: p10 of length", float(length.quantile(0.1)), 153, 60


def _oddities(canvass: pd.DataFrame) -> Iterator[Row]:
    yield "aka_name: null %", _share(canvass["aka_name"].isna()), 0.92, 0.6
    yield "aka_name: equals dba_name %", _share(canvass["aka_name"] == canvass["dba_name"]), 76.6, 4
    yield "latitude: null %", _share(canvass["latitude"].isna()), 0.4, 0.3
    yield "address: ends in blank %", _share(canvass["address"].str.endswith(" ")), 99.8, 0.8
    yield "dba_name: double blank %", _share(canvass["dba_name"].str.contains("  ")), 2.4, 1.2
    number = pd.to_numeric(canvass["inspection_id"], errors="coerce")
    rank = number.corr(canvass["day"].astype("int64"), method="spearman")
    yield "inspection_id: rank correlation with the date", float(rank), 0.85, 0.1
