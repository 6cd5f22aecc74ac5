"""Violations of the simulated city: which codes an inspection finds, and the text in which they are written.

Titles are the two official codebooks'. Comments are made from a grammar of our own, so that they read like
an inspector's note without repeating one. The form is the portal's: ``<code>. <TITLE> - Comments: <text>``
joined by `` | ``, with its blanks and newlines (before July 2018) at their real rates.
"""

import csv
import tomllib
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PASS, FAIL, CONDITIONS, OUT_OF_BUSINESS, NO_ENTRY, NOT_READY, NOT_LOCATED = range(7)
DECIDED = 3  # results below this one are decisions

_DATA = files("food_inspections_portal.city") / "data"


def _table(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((_DATA / name).read_text(encoding="utf-8").splitlines()))


# Frequencies (%) by result: counts over the City's published rows, 2011-2014.
_OLD = _table("violations_until_2018.csv")
# Weights, and the chance that a violation is a priority or a priority foundation violation (else core):
# from the few texts after July 2018 that were to be had.
_NEW = _table("violations_since_2018.csv")
_COMMENTS = tomllib.loads((_DATA / "comments.toml").read_text(encoding="utf-8"))


def _numbers(rows: list[dict[str, str]], *names: str) -> np.ndarray:
    """Return columns of a table as an array of shape (names, rows)."""
    return np.array([[float(row[name]) for row in rows] for name in names])


OLD_CODES = _numbers(_OLD, "code")[0].astype(np.int64)
NEW_CODES = _numbers(_NEW, "code")[0].astype(np.int64)
_OLD_RATES = _numbers(_OLD, "pass_percent", "fail_percent", "conditions_percent") / 100
_NEW_WEIGHTS = _numbers(_NEW, "weight_passed", "weight_other") + 1e-9
_NEW_SEVERITY = _numbers(_NEW, "priority", "foundation").T
_CRITICAL = OLD_CODES <= 14
_SERIOUS = (OLD_CODES >= 15) & (OLD_CODES <= 29)
_MINOR = ~_CRITICAL & ~_SERIOUS
_TWO, _THREE = 1, 2  # positions of codes 2 and 3: a warm cooler and the food in it
CORE, FOUNDATION, PRIORITY = 0, 1, 2

# Share of inspections with a critical and, given that, with a serious violation, by result. Same counts.
CRITICAL_SHARE = np.array([0.001, 0.289, 0.582])
_CRITICAL_SELECTION = np.array([0.0, -0.70, -0.50])
_SERIOUS_SHARE = np.array([[0.002, 0.966, 0.981], [0.002, 0.900, 0.225]])


@dataclass(frozen=True)
class Findings:
    """Violations of some inspections, in the order in which they are written.

    Attributes:
        inspection: position of the inspection, ascending.
        code: position in ``OLD_CODES`` or ``NEW_CODES``.
        severity: CORE, FOUNDATION or PRIORITY (new codebook; 0 in the old one).
        words: 62-bit numbers from which the comment is made.
    """

    inspection: np.ndarray
    code: np.ndarray
    severity: np.ndarray
    words: np.ndarray


def find_old(
    rng: np.random.Generator,
    result: np.ndarray,
    clutter: np.ndarray,
    critical: np.ndarray,
    empty: np.ndarray,
    spread: float,
    handlers: bool,
) -> Findings:
    """Draw violations of the codebook before July 2018.

    Args:
        rng: the week's stream.
        result: PASS, FAIL or CONDITIONS per inspection.
        clutter: shift of the logit of minor violations.
        critical: shift of the logit of critical ones.
        empty: inspections without any.
        spread: standard deviation of ``critical`` over all inspections.
        handlers: whether code 45 exists yet (from 2015 on).
    """
    count = len(result)
    share = CRITICAL_SHARE[result]
    logit = np.log(share / (1 - share))
    # The spread of the shift pulls the mean towards one half; the factor takes that back. What is left is
    # taken back by result: those that failed have met strict inspectors, who find critical violations too.
    logit = logit * np.sqrt(1 + np.pi * spread**2 / 8) + _CRITICAL_SELECTION[result]
    any_critical = rng.random(count) < _sigmoid(logit + critical)
    any_serious = rng.random(count) < _SERIOUS_SHARE[any_critical.astype(np.intp), result]
    chance = _OLD_RATES[result].copy()
    reached = np.where(_CRITICAL, share[:, None], 1.0)
    serious_share = _SERIOUS_SHARE[1, result] * share + _SERIOUS_SHARE[0, result] * (1 - share)
    reached = np.where(_SERIOUS, serious_share[:, None], reached)
    # A forced pick (below) adds to the draws; the factor takes that off the critical ones again.
    chance = np.clip(chance / reached * np.where(_CRITICAL, 0.80, 0.95 + 0.05 * _MINOR), 0, 0.97)
    wanted = np.where(_CRITICAL, any_critical[:, None], np.where(_SERIOUS, any_serious[:, None], True))
    minor_logit = np.log(np.clip(chance, 1e-6, 0.97) / (1 - np.clip(chance, 1e-6, 0.97)))
    frailty = clutter + np.where(result == FAIL, 0.65, 0.35) * rng.standard_normal(count)
    chance = np.where(_MINOR, _sigmoid(minor_logit + frailty[:, None]), chance)
    if handlers:
        chance[:, OLD_CODES == 45] = np.where(result == PASS, 0.03, 0.08)[:, None]
    hit = (rng.random(chance.shape) < chance) & wanted
    picked = np.where(np.arange(len(OLD_CODES)) == _TWO, 0, _OLD_RATES + 1e-9)
    hit[:, _TWO] = False
    for group, needed in ((_CRITICAL, any_critical), (_SERIOUS, any_serious)):
        bare = np.flatnonzero(needed & ~hit[:, group].any(axis=1))
        if len(bare):
            weight = np.cumsum(picked[:, group], axis=1)[result[bare]]
            pick = (rng.random((len(bare), 1)) * weight[:, -1:] > weight).sum(axis=1)
            hit[bare, np.flatnonzero(group)[pick]] = True
    # Codes 2 and 3 come together: lift 12. Their joint share among inspections with a critical one is theirs.
    third = hit[:, _THREE]
    second = rng.random(count) < np.where(third, 0.46, 0.07)
    hit[:, _TWO] = second & any_critical
    hit[empty] = False
    inspection, code = np.nonzero(hit)
    twice = _MINOR[code] & (rng.random(len(code)) < 0.012)
    inspection = np.concatenate([inspection, inspection[twice]])
    code = np.concatenate([code, code[twice]])
    mode = rng.random(count)[inspection]
    shuffled = rng.random(len(code))
    # Half of the texts ascend, a few descend, the others mix as the inspector went through the premises.
    rank = np.where(mode < 0.45, code, np.where(mode < 0.52, -code, 100 * shuffled))
    order = np.lexsort((rank, inspection))
    words = rng.integers(0, 2**62, len(code))
    return Findings(inspection[order], code[order], np.zeros(len(code), dtype=np.int64), words)


def find_new(
    rng: np.random.Generator,
    result: np.ndarray,
    clutter: np.ndarray,
    critical: np.ndarray,
    empty: np.ndarray,
    spread: float,
) -> Findings:
    """Draw violations of the codebook since July 2018; arguments as in ``find_old``.

    A Fail or Pass w/ Conditions has a priority or a priority foundation violation, a Pass has neither.
    """
    count = len(result)
    other = (result != PASS).astype(np.intp)
    mean = np.where(result == FAIL, 6.6, np.where(result == CONDITIONS, 4.4, 1.05)) * np.exp(clutter)
    number = rng.poisson(mean * rng.gamma(1.4, 1 / 1.4, count))
    number = np.clip(number + other, 0, 24)
    number = np.where((result == PASS) & (rng.random(count) < 0.1), 0, number)
    keys = np.log(_NEW_WEIGHTS[other]) + rng.gumbel(size=(count, len(NEW_CODES)))
    ranks = np.argsort(np.argsort(-keys, axis=1, kind="stable"), axis=1, kind="stable")
    number[empty] = 0
    inspection, code = np.nonzero(ranks < number[:, None])
    # Mean one before the cap: priority violations keep their share.
    tilt = np.exp(critical - spread**2 / 2)
    dice = rng.random(len(code))
    priority = np.clip(_NEW_SEVERITY[code, 0] * tilt[inspection], 0, 0.98)
    severity = np.where(dice < priority, PRIORITY, np.where(dice < priority + _NEW_SEVERITY[code, 1], FOUNDATION, CORE))
    severity = np.where(other[inspection] == 1, severity, CORE)
    worst = np.zeros(count, dtype=np.int64)
    np.maximum.at(worst, inspection, severity)
    lacking = (other == 1) & (worst == CORE)
    forced = rng.random(count) < np.where(result == FAIL, 0.3, 0.1) * tilt
    first = np.ones(len(inspection), dtype=bool)
    first[1:] = inspection[1:] != inspection[:-1]
    mend = first & lacking[inspection]
    severity = np.where(mend, np.where(forced[inspection], PRIORITY, FOUNDATION), severity)
    return Findings(inspection, code, severity, rng.integers(0, 2**62, len(code)))


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


_PLACES: list[str] = _COMMENTS.pop("places")["things"]
_TOPICS = list(_COMMENTS)
_HEADS = _TAILS = 256
_CITATIONS_OLD = (
    "CRITICAL CITATION ISSUED 7-38-005(A).",
    "SERIOUS CITATION ISSUED 7-38-020.",
    "SERIOUS VIOLATION 7-38-030.",
    "CITATION ISSUED 7-42-090.",
)
_CITATIONS_NEW = (
    (("",), ("CITATION ISSUED.", "NO CITATION ISSUED.", "COMPLY BY NEXT INSPECTION.", "")),
    (
        (
            "PRIORITY FOUNDATION VIOLATION 7-38-010.",
            "PRIORITY FOUNDATION VIOLATION #7-38-005.",
            "PRIORITY FOUNDATION 7-38-030(C).",
            "PRIORITY FOUNDATION VIOLATION.",
        ),
        ("NO CITATION ISSUED.", "CITATION ISSUED.", "", ""),
    ),
    (
        ("PRIORITY VIOLATION 7-38-005.", "PRIORITY VIOLATION:7-38-005", "PRIORITY VIOLATION #7-38-020(A)."),
        ("CITATION ISSUED.", "CITATION ISSUED.", "NO CITATION ISSUED.", ""),
    ),
)


def _pools() -> tuple[pa.Array, pa.Array, pa.Array]:
    """Compose openings and endings of comments per topic: 256 of each, so 65,536 comments a topic.

    The seed is fixed: the prose belongs to the simulator, not to one city.
    """
    rng = np.random.default_rng(20_100_104)
    heads: list[str] = []
    sentences: list[str] = []
    tails: list[str] = []
    for topic in _TOPICS:
        things, faults, remedies = (_COMMENTS[topic][part] for part in ("things", "faults", "remedies"))

        def finding(things: list[str] = things, faults: list[str] = faults) -> str:
            thing, fault = (options[rng.integers(len(options))] for options in (things, faults))
            place = f" IN {_PLACES[rng.integers(len(_PLACES))]}" if rng.random() < 0.55 else ""
            return f"{thing} {fault}{place}"

        for number in range(_HEADS):
            opening = ("", "OBSERVED ", "FOUND ", "NOTED ")[rng.integers(4)]
            more = (1, 1, 1, 2, 3)[rng.integers(5)] if number % 4 else 1
            heads.append(_filled(rng, opening + ", ".join(finding() for _ in range(more)) + "."))
            sentences.append(_filled(rng, "ALSO " + ", ".join(finding() for _ in range(1 + rng.integers(4))) + "."))
            remedy = remedies[rng.integers(len(remedies))]
            last = ("", "", " AND MAINTAIN SAME", " BY NEXT INSPECTION")[rng.integers(4)]
            if "MAINTAIN" in remedy or "DISCARDED" in remedy or remedy.startswith("MANAGER"):
                last = ""
            tails.append(_filled(rng, f"{remedy}{last}."))
    return pa.array(heads), pa.array(sentences), pa.array(tails)


def _filled(rng: np.random.Generator, text: str) -> str:
    for slot, low, high in (
        ("{n}", 3, 60),
        ("{t}", 42, 68),
        ("{h}", 85, 132),
        ("{c}", 60, 84),
        ("{v}", 30, 44),
    ):
        while slot in text:
            text = text.replace(slot, str(rng.integers(low, high)), 1)
    while "{d}" in text:
        text = text.replace("{d}", f"{rng.integers(1, 13)}/{rng.integers(1, 29)}/{rng.integers(10, 25)}", 1)
    return text


def write(findings: Findings, inspections: int, new: np.ndarray) -> pa.Array:
    """Write the violations of all inspections.

    Args:
        findings: violations, sorted by inspection.
        inspections: how many inspections there are.
        new: whether each inspection falls under the new codebook.

    Returns:
        one text per inspection, null where nothing was found.
    """
    heads, also, tails = _pools()
    titles = pa.array([f"{row['code']}. {row['title']} - Comments: " for row in (*_OLD, *_NEW)])
    topic_of = np.array([_TOPICS.index(row["topic"]) for row in (*_OLD, *_NEW)])
    starts = np.searchsorted(findings.inspection, np.arange(inspections + 1))
    pieces = []
    step = 40_000  # inspections at a time: the whole city's comments would take several times their size
    for first in range(0, inspections, step):
        last = min(first + step, inspections)
        part = slice(starts[first], starts[last])
        is_new = new[findings.inspection[part]]
        entry = findings.code[part] + np.where(is_new, len(_OLD), 0)
        texts = pc.binary_join_element_wise(
            titles.take(pa.array(entry)),
            _comments(
                findings.words[part], topic_of[entry], findings.severity[part], is_new, entry, heads, also, tails
            ),
            "",
        )
        offsets = pa.array((starts[first : last + 1] - starts[first]).astype(np.int32))
        joined = pc.binary_join(pa.ListArray.from_arrays(offsets, texts), " | ")
        bare = pa.array(np.diff(starts[first : last + 1]) == 0)
        pieces.append(pc.if_else(bare, pa.scalar(None, pa.string()), joined))
    return pa.chunked_array(pieces, pa.string())


def _comments(
    words: np.ndarray, topic: np.ndarray, severity: np.ndarray, new: np.ndarray, entry: np.ndarray,
    heads: pa.Array, also: pa.Array, tails: pa.Array,
) -> pa.Array:  # fmt: skip
    bits = words.astype(np.uint64)

    def draw(shift: int, below: int) -> np.ndarray:
        return ((bits >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64) % below

    base = topic * _HEADS
    blank = pa.array(["", " "])
    second, third = draw(40, 1000), draw(44, 1000)
    # How many sentences: short notes before 2018 are common, so is the long list.
    gap = (draw(2, 1000) < np.where(new, 260, 140)).astype(np.int64)
    parts = [
        heads.take(pa.array(base + draw(0, _HEADS))),
        blank.take(pa.array(gap)),
        _where(second < np.where(new, 300, 290), also.take(pa.array(base + draw(10, _HEADS)))),
        _where(third < np.where(new, 130, 200), also.take(pa.array(base + draw(13, _HEADS)))),
        _where(third < 60, also.take(pa.array(base + draw(16, _HEADS)))),
        _where((draw(20, 1000) < np.where(new, 850, 700)), tails.take(pa.array(base + draw(24, _TAILS)))),
        _citations(severity, new, entry, draw(28, 1200), draw(33, 4)),
    ]
    text = pc.binary_join_element_wise(*parts, "")
    style = draw(36, 1000)
    text = _choose(~new & (style < 230), pc.utf8_capitalize(text), text)
    text = _choose(~new & (style >= 230) & (style < 330), heads.take(pa.array(base + draw(0, 64) // 4 * 4)), text)
    text = _choose(~new & (style >= 330) & (style < 480), pc.replace_substring(text, ". ", ". \n"), text)
    ending = draw(46, 1000)
    kinds = pa.array(["", " ", "  ", " \n", "\n"])
    old_kind = np.select([ending < 45, ending < 75, ending < 120, ending < 140], [1, 2, 3, 4], 0)
    new_kind = np.select([ending < 150, ending < 200], [1, 2], 0)
    text = pc.binary_join_element_wise(text, kinds.take(pa.array(np.where(new, new_kind, old_kind))), "")
    return _choose(~new & (draw(30, 1000) < 9), pa.scalar(""), text)


def _citations(
    severity: np.ndarray, new: np.ndarray, entry: np.ndarray, pick: np.ndarray, second: np.ndarray
) -> pa.Array:
    """Return the ending that names the severity: always after July 2018, for what is worse than minor
    before.
    """
    options = [""]
    index: dict[tuple[int, int, int], int] = {}
    for kind, (marks, endings) in enumerate(_CITATIONS_NEW):
        for mark_number, mark in enumerate(marks):
            for ending_number, ending in enumerate(endings):
                index[kind, mark_number, ending_number] = len(options)
                options.append("".join(f" {word}" for word in (mark, ending) if word))
    old_start = len(options)
    options += [" " + text for text in _CITATIONS_OLD]
    chosen = np.zeros(len(severity), dtype=np.int64)
    for (kind, mark_number, ending_number), position in index.items():
        marks = _CITATIONS_NEW[kind][0]
        here = new & (severity == kind) & (pick % len(marks) == mark_number) & (second == ending_number)
        if kind == CORE:
            here &= pick % 10 == 0
        chosen[here] = position
    codes = np.where(new, 99, OLD_CODES[np.minimum(entry, len(OLD_CODES) - 1)])
    cited = (codes < 30) & (pick % 3 > 0)
    old_choice = np.where(codes == 29, 3, np.where(codes < 15, 0, 1 + pick % 2))
    chosen = np.where(cited, old_start + old_choice, chosen)
    return pa.array(options).take(pa.array(chosen))


def _where(condition: np.ndarray, text: pa.Array) -> pa.Array:
    """Return a blank and the text where the condition holds, nothing elsewhere."""
    return _choose(condition, pc.binary_join_element_wise(pa.scalar(" "), text, ""), pa.scalar(""))


def _choose(condition: np.ndarray, one: pa.Array | pa.Scalar, other: pa.Array | pa.Scalar) -> pa.Array:
    return pc.if_else(pa.array(condition), one, other)
