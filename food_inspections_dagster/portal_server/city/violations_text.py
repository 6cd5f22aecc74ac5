"""Violations of the simulated city: which codes an inspection finds, and the text in which they are written.

Titles are the two official codebooks'. Comments are made from a grammar of our own, so that they read like an
inspector's note without repeating one. The form is the portal's: ``<code>. <TITLE> - Comments: <text>`` joined by
`` | ``, with its blanks and newlines (before July 2018) at their real rates.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PASS, FAIL, CONDITIONS, OUT_OF_BUSINESS, NO_ENTRY, NOT_READY, NOT_LOCATED = range(7)
DECIDED = 3  # results below this one are decisions

# Code, title, frequency (%) in inspections with Pass, Fail, Pass w/ Conditions, topic of the comment.
# Counts over the City's published rows, 2011-2014.
_OLD: tuple[tuple[int, str, float, float, float, str], ...] = (
    (1, "SOURCE SOUND CONDITION, NO SPOILAGE, FOODS PROPERLY LABELED, SHELLFISH TAGS IN PLACE", 0, 0.93, 1.62, "spoiled"),
    (2, "FACILITIES TO MAINTAIN PROPER TEMPERATURE", 0.07, 7.02, 16.87, "cooler"),
    (3, "POTENTIALLY HAZARDOUS FOOD MEETS TEMPERATURE REQUIREMENT DURING STORAGE, PREPARATION DISPLAY AND SERVICE", 0.01, 13.14, 34.32, "temperature"),
    (4, "SOURCE OF CROSS CONTAMINATION CONTROLLED I.E. CUTTING BOARDS, FOOD  HANDLERS, UTENSILS, ETC", 0, 0.81, 1.81, "cross"),
    (5, "PERSONNEL WITH INFECTIONS RESTRICTED: NO OPEN SORES, WOUNDS, ETC", 0, 0.02, 0.03, "hands"),
    (6, "HANDS WASHED AND CLEANED, GOOD HYGIENIC PRACTICES; NO BARE HAND CONTACT WITH READY-TO-EAT FOODS.", 0, 2.18, 4.52, "hands"),
    (7, "WASH AND RINSE WATER: CLEAN AND PROPER TEMPERATURE", 0.01, 0.22, 0.36, "sanitizer"),
    (8, "SANITIZING RINSE FOR EQUIPMENT AND UTENSILS:  CLEAN, PROPER TEMPERATURE, CONCENTRATION, EXPOSURE TIME", 0.04, 4.56, 9.15, "sanitizer"),
    (9, "WATER SOURCE: SAFE, HOT & COLD UNDER CITY PRESSURE", 0, 2.49, 2.0, "water"),
    (10, "SEWAGE AND WASTE WATER DISPOSAL, NO BACK SIPHONAGE, CROSS  CONNECTION AND/OR BACK FLOW", 0.01, 1.54, 1.1, "sewage"),
    (11, "ADEQUATE NUMBER, CONVENIENT, ACCESSIBLE, DESIGNED, AND MAINTAINED", 0.01, 4.95, 4.19, "handsink"),
    (12, "HAND WASHING FACILITIES: WITH SOAP AND SANITARY HAND DRYING DEVICES, CONVENIENT AND ACCESSIBLE TO FOOD PREP AREA", 0, 4.62, 6.85, "handsink"),
    (13, "NO EVIDENCE OF RODENT OR INSECT INFESTATION, NO BIRDS, TURTLES OR OTHER ANIMALS", 0, 1.19, 0.19, "pests"),
    (14, "PREVIOUS SERIOUS VIOLATION CORRECTED, 7-42-090", 0, 0.22, 0.44, "previous"),
    (15, "UNWRAPPED AND POTENTIALLY HAZARDOUS FOOD NOT RE-SERVED", 0, 0, 0.03, "cross"),
    (16, "FOOD PROTECTED DURING STORAGE, PREPARATION, DISPLAY, SERVICE AND TRANSPORTATION", 0.01, 11.27, 12.74, "protect"),
    (17, "POTENTIALLY HAZARDOUS FOOD PROPERLY THAWED", 0, 0.11, 0.36, "temperature"),
    (18, "NO EVIDENCE OF RODENT OR INSECT OUTER OPENINGS PROTECTED/RODENT PROOFED, A WRITTEN LOG SHALL BE MAINTAINED AVAILABLE TO THE INSPECTORS", 0.02, 59.4, 1.18, "pests"),
    (19, "OUTSIDE GARBAGE WASTE GREASE AND STORAGE AREA; CLEAN, RODENT PROOF, ALL CONTAINERS COVERED", 0.01, 10.67, 1.78, "garbage"),
    (20, "INSIDE CONTAINERS OR RECEPTACLES: ADEQUATE NUMBER, PROPERLY COVERED AND INSECT/RODENT PROOF", 0, 0.18, 0.03, "garbage"),
    (21, "* CERTIFIED FOOD MANAGER ON SITE WHEN POTENTIALLY HAZARDOUS FOODS ARE  PREPARED AND SERVED", 0.09, 12.81, 34.73, "manager"),
    (22, "DISH MACHINES: PROVIDED WITH ACCURATE THERMOMETERS, CHEMICAL TEST KITS AND SUITABLE GAUGE COCK", 0, 0.16, 0.16, "sanitizer"),
    (23, "DISHES AND UTENSILS FLUSHED, SCRAPED, SOAKED", 0, 0, 0, "utensils"),
    (24, "DISH WASHING FACILITIES: PROPERLY DESIGNED, CONSTRUCTED, MAINTAINED, INSTALLED, LOCATED AND OPERATED", 0.02, 9.84, 1.59, "dishwash"),
    (25, "TOXIC ITEMS PROPERLY STORED, LABELED AND USED PROPERLY", 0, 0.53, 0.49, "toxic"),
    (26, "ADEQUATE NUMBER, CONVENIENT, ACCESSIBLE, PROPERLY DESIGNED AND INSTALLED", 0.01, 6.07, 0.63, "toilet"),
    (27, "TOILET ROOMS ENCLOSED CLEAN, PROVIDED WITH HAND CLEANSER, SANITARY HAND DRYING DEVICES AND PROPER WASTE RECEPTACLES", 0.01, 1.03, 0.71, "toilet"),
    (28, "* INSPECTION REPORT SUMMARY DISPLAYED AND VISIBLE TO ALL CUSTOMERS", 0.01, 2.58, 4.6, "summary"),
    (29, "PREVIOUS MINOR VIOLATION(S) CORRECTED 7-42-090", 0, 21.45, 0.68, "previous"),
    (30, "FOOD IN ORIGINAL CONTAINER, PROPERLY LABELED: CUSTOMER ADVISORY POSTED AS NEEDED", 14.35, 16.98, 18.05, "label"),
    (31, "CLEAN MULTI-USE UTENSILS AND SINGLE SERVICE ARTICLES PROPERLY STORED: NO REUSE OF SINGLE SERVICE ARTICLES", 8.24, 11.75, 12.98, "utensils"),
    (32, "FOOD AND NON-FOOD CONTACT SURFACES PROPERLY DESIGNED, CONSTRUCTED AND MAINTAINED", 37.96, 47.88, 43.49, "surface"),
    (33, "FOOD AND NON-FOOD CONTACT EQUIPMENT UTENSILS CLEAN, FREE OF ABRASIVE DETERGENTS", 54.04, 59.85, 54.12, "dirty"),
    (34, "FLOORS: CONSTRUCTED PER CODE, CLEANED, GOOD REPAIR, COVING INSTALLED, DUST-LESS CLEANING METHODS USED", 58.77, 68.8, 58.67, "floor"),
    (35, "WALLS, CEILINGS, ATTACHED EQUIPMENT CONSTRUCTED PER CODE: GOOD REPAIR, SURFACES CLEAN AND DUST-LESS CLEANING METHODS", 46.21, 58.72, 46.29, "wall"),
    (36, "LIGHTING: REQUIRED MINIMUM FOOT-CANDLES OF LIGHT PROVIDED, FIXTURES SHIELDED", 19.42, 26.8, 19.5, "light"),
    (37, "TOILET ROOM DOORS SELF CLOSING: DRESSING ROOMS WITH LOCKERS PROVIDED: COMPLETE SEPARATION FROM LIVING/SLEEPING QUARTERS", 4.96, 8.3, 6.41, "toilet"),
    (38, "VENTILATION: ROOMS AND EQUIPMENT VENTED AS REQUIRED: PLUMBING: INSTALLED AND MAINTAINED", 40.61, 49.64, 42.48, "plumbing"),
    (39, "LINEN: CLEAN AND SOILED PROPERLY STORED", 0.32, 0.49, 0.3, "wiping"),
    (40, "REFRIGERATION AND METAL STEM THERMOMETERS PROVIDED AND CONSPICUOUS", 12.19, 15.93, 16.63, "thermometer"),
    (41, "PREMISES MAINTAINED FREE OF LITTER, UNNECESSARY ARTICLES, CLEANING  EQUIPMENT PROPERLY STORED", 24.35, 37.09, 26.02, "clutter"),
    (42, "APPROPRIATE METHOD OF HANDLING OF FOOD (ICE) HAIR RESTRAINTS AND CLEAN APPAREL WORN", 4.95, 6.95, 9.7, "hair"),
    (43, "FOOD (ICE) DISPENSING UTENSILS, WASH CLOTHS PROPERLY STORED", 7.11, 9.55, 11.34, "wiping"),
    (44, "ONLY AUTHORIZED PERSONNEL IN THE FOOD-PREP AREA", 0.25, 0.44, 0.36, "clutter"),
    (45, "FOOD HANDLER REQUIREMENTS MET", 0, 0, 0, "training"),
    (70, "NO SMOKING REGULATIONS", 0, 1.25, 1.07, "smoking"),
)  # fmt: skip

# Code, title, weight in passed and in other inspections, chance that it is a priority violation, chance that it is
# a priority foundation violation (else core), topic. From the few texts after July 2018 that were to be had.
_NEW: tuple[tuple[int, str, float, float, float, float, str], ...] = (
    (1, "PERSON IN CHARGE PRESENT, DEMONSTRATES KNOWLEDGE, AND PERFORMS DUTIES", 0, 16, 0.0, 0.8, "manager"),
    (2, "CITY OF CHICAGO FOOD SERVICE SANITATION CERTIFICATE", 0, 22, 0.0, 1.0, "manager"),
    (3, "MANAGEMENT, FOOD EMPLOYEE AND CONDITIONAL EMPLOYEE; KNOWLEDGE, RESPONSIBILITIES AND REPORTING", 0, 44, 0.0, 1.0, "policy"),
    (4, "PROPER USE OF RESTRICTION AND EXCLUSION", 0, 0.2, 0.5, 0.5, "policy"),
    (5, "PROCEDURES FOR RESPONDING TO VOMITING AND DIARRHEAL EVENTS", 0.5, 42, 0.0, 0.98, "vomit"),
    (6, "PROPER EATING, TASTING, DRINKING, OR TOBACCO USE", 0.2, 1, 0.3, 0.2, "hands"),
    (7, "NO DISCHARGE FROM EYES, NOSE, AND MOUTH", 0, 0.1, 0.2, 0.2, "hands"),
    (8, "HANDS CLEAN & PROPERLY WASHED", 0, 4, 0.7, 0.3, "hands"),
    (9, "NO BARE HAND CONTACT WITH RTE FOOD OR A PRE-APPROVED ALTERNATIVE PROCEDURE PROPERLY ALLOWED", 0, 1.5, 0.9, 0.1, "hands"),
    (10, "ADEQUATE HANDWASHING SINKS PROPERLY SUPPLIED AND ACCESSIBLE", 9, 30, 0.05, 0.4, "handsink"),
    (11, "FOOD OBTAINED FROM APPROVED SOURCE", 0, 0.6, 0.7, 0.2, "spoiled"),
    (12, "FOOD RECEIVED AT PROPER TEMPERATURE", 0, 1, 0.9, 0.1, "temperature"),
    (13, "FOOD IN GOOD CONDITION, SAFE, & UNADULTERATED", 0, 1.2, 0.6, 0.3, "spoiled"),
    (14, "REQUIRED RECORDS AVAILABLE: SHELLSTOCK TAGS, PARASITE DESTRUCTION", 0, 4, 0.0, 1.0, "label"),
    (15, "FOOD SEPARATED AND PROTECTED", 0.3, 6, 0.6, 0.1, "protect"),
    (16, "FOOD-CONTACT SURFACES: CLEANED & SANITIZED", 2, 13, 0.3, 0.4, "sanitizer"),
    (17, "PROPER DISPOSITION OF RETURNED, PREVIOUSLY SERVED, RECONDITIONED & UNSAFE FOOD", 0, 0.1, 0.8, 0.1, "spoiled"),
    (18, "PROPER COOKING TIME & TEMPERATURES", 0, 0.2, 0.9, 0.1, "temperature"),
    (19, "PROPER REHEATING PROCEDURES FOR HOT HOLDING", 0, 0.2, 0.9, 0.1, "temperature"),
    (20, "PROPER COOLING TIME AND TEMPERATURE", 0, 0.8, 0.9, 0.1, "temperature"),
    (21, "PROPER HOT HOLDING TEMPERATURES", 0, 6, 0.95, 0.05, "temperature"),
    (22, "PROPER COLD HOLDING TEMPERATURES", 0, 11, 0.95, 0.05, "temperature"),
    (23, "PROPER DATE MARKING AND DISPOSITION", 0.5, 32, 0.02, 0.95, "date"),
    (24, "TIME AS A PUBLIC HEALTH CONTROL; PROCEDURES & RECORDS", 0, 0.6, 0.2, 0.7, "date"),
    (25, "CONSUMER ADVISORY PROVIDED FOR RAW/UNDERCOOKED FOOD", 0, 17, 0.0, 1.0, "advisory"),
    (26, "PASTEURIZED FOODS USED; PROHIBITED FOODS NOT OFFERED", 0, 0.1, 0.8, 0.1, "spoiled"),
    (27, "FOOD ADDITIVES: APPROVED AND PROPERLY USED", 0, 0.1, 0.6, 0.2, "toxic"),
    (28, "TOXIC SUBSTANCES PROPERLY IDENTIFIED, STORED, & USED", 0.3, 1.5, 0.6, 0.3, "toxic"),
    (29, "COMPLIANCE WITH VARIANCE/SPECIALIZED PROCESS/HACCP", 0, 0.8, 0.1, 0.9, "policy"),
    (30, "PASTEURIZED EGGS USED WHERE REQUIRED", 0, 0.1, 0.6, 0.2, "spoiled"),
    (31, "WATER & ICE FROM APPROVED SOURCE", 0, 0.1, 0.5, 0.3, "water"),
    (32, "VARIANCE OBTAINED FOR SPECIALIZED PROCESSING METHODS", 0.2, 0.4, 0.0, 0.6, "policy"),
    (33, "PROPER COOLING METHODS USED; ADEQUATE EQUIPMENT FOR TEMPERATURE CONTROL", 0.2, 2, 0.1, 0.6, "cooler"),
    (34, "PLANT FOOD PROPERLY COOKED FOR HOT HOLDING", 0, 0.1, 0.2, 0.6, "temperature"),
    (35, "APPROVED THAWING METHODS USED", 0.3, 1, 0.0, 0.3, "temperature"),
    (36, "THERMOMETERS PROVIDED & ACCURATE", 4, 15, 0.0, 0.35, "thermometer"),
    (37, "FOOD PROPERLY LABELED; ORIGINAL CONTAINER", 4, 12, 0.0, 0.35, "label"),
    (38, "INSECTS, RODENTS, & ANIMALS NOT PRESENT", 4, 30, 0.08, 0.55, "pests"),
    (39, "CONTAMINATION PREVENTED DURING FOOD PREPARATION, STORAGE & DISPLAY", 3, 10, 0.02, 0.05, "protect"),
    (40, "PERSONAL CLEANLINESS", 3, 10, 0.0, 0.0, "hair"),
    (41, "WIPING CLOTHS: PROPERLY USED & STORED", 4, 17, 0.0, 0.02, "wiping"),
    (42, "WASHING FRUITS & VEGETABLES", 0.1, 0.2, 0.0, 0.2, "protect"),
    (43, "IN-USE UTENSILS: PROPERLY STORED", 1, 5, 0.0, 0.0, "utensils"),
    (44, "UTENSILS, EQUIPMENT & LINENS: PROPERLY STORED, DRIED, & HANDLED", 2, 4, 0.0, 0.0, "utensils"),
    (45, "SINGLE-USE/SINGLE-SERVICE ARTICLES: PROPERLY STORED & USED", 1, 2, 0.0, 0.0, "utensils"),
    (46, "GLOVES USED PROPERLY", 0, 0.4, 0.0, 0.2, "hands"),
    (47, "FOOD & NON-FOOD CONTACT SURFACES CLEANABLE, PROPERLY DESIGNED, CONSTRUCTED & USED", 9, 22, 0.0, 0.02, "surface"),
    (48, "WAREWASHING FACILITIES: INSTALLED, MAINTAINED & USED; TEST STRIPS", 2, 18, 0.02, 0.75, "dishwash"),
    (49, "NON-FOOD/FOOD CONTACT SURFACES CLEAN", 12, 30, 0.0, 0.02, "dirty"),
    (50, "HOT & COLD WATER AVAILABLE; ADEQUATE PRESSURE", 0.2, 5, 0.6, 0.3, "water"),
    (51, "PLUMBING INSTALLED; PROPER BACKFLOW DEVICES", 13, 38, 0.04, 0.05, "plumbing"),
    (52, "SEWAGE & WASTE WATER PROPERLY DISPOSED", 0.5, 4, 0.4, 0.1, "sewage"),
    (53, "TOILET FACILITIES: PROPERLY CONSTRUCTED, SUPPLIED, & CLEANED", 13, 34, 0.0, 0.02, "toilet"),
    (54, "GARBAGE & REFUSE PROPERLY DISPOSED; FACILITIES MAINTAINED", 1.5, 8, 0.02, 0.4, "garbage"),
    (55, "PHYSICAL FACILITIES INSTALLED, MAINTAINED & CLEAN", 26, 52, 0.0, 0.02, "floor"),
    (56, "ADEQUATE VENTILATION & LIGHTING; DESIGNATED AREAS USED", 11, 28, 0.0, 0.02, "light"),
    (57, "ALL FOOD EMPLOYEES HAVE FOOD HANDLER TRAINING", 6, 26, 0.0, 0.02, "training"),
    (58, "ALLERGEN TRAINING AS REQUIRED", 8, 33, 0.0, 0.02, "training"),
    (59, "PREVIOUS PRIORITY FOUNDATION VIOLATION CORRECTED", 0, 3, 0.6, 0.4, "previous"),
    (60, "PREVIOUS CORE VIOLATION CORRECTED", 2, 20, 0.02, 0.8, "previous"),
    (61, "SUMMARY REPORT DISPLAYED AND VISIBLE TO THE PUBLIC", 0.3, 3.5, 0.0, 0.9, "summary"),
    (62, "COMPLIANCE WITH CLEAN INDOOR AIR ORDINANCE", 0.1, 0.4, 0.0, 0.3, "smoking"),
    (63, "REMOVAL OF SUSPENSION SIGN", 0, 0.05, 0.3, 0.3, "previous"),
    (64, "MISCELLANEOUS / PUBLIC HEALTH ORDERS", 0.1, 0.4, 0.1, 0.3, "policy"),
)  # fmt: skip

OLD_CODES = np.array([row[0] for row in _OLD])
NEW_CODES = np.array([row[0] for row in _NEW])
_OLD_RATES = np.array([row[2:5] for row in _OLD]).T / 100  # result, code
_NEW_WEIGHTS = np.array([row[2:4] for row in _NEW]).T + 1e-9
_NEW_SEVERITY = np.array([row[4:6] for row in _NEW])
_CRITICAL = OLD_CODES <= 14
_SERIOUS = (OLD_CODES >= 15) & (OLD_CODES <= 29)
_MINOR = ~_CRITICAL & ~_SERIOUS
_TWO, _THREE = 1, 2  # positions of codes 2 and 3: a warm cooler and the food in it
CORE, FOUNDATION, PRIORITY = 0, 1, 2

# Share of inspections with a critical and, given that, with a serious violation, by result. Same counts.
CRITICAL_SHARE = np.array([0.001, 0.289, 0.582])
_CRITICAL_SELECTION = np.array([0.0, -0.80, -0.55])
_SERIOUS_SHARE = np.array([[0.002, 0.966, 0.981], [0.002, 0.900, 0.225]])


@dataclass(frozen=True)
class Found:
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
    rng: np.random.Generator, result: np.ndarray, clutter: np.ndarray, critical: np.ndarray, empty: np.ndarray,
    spread: float, handlers: bool,
) -> Found:  # fmt: skip
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
    # The spread of the shift pulls the mean towards one half; the factor takes that back. What is left is taken
    # back by result: those that failed have met strict inspectors, who find critical violations too.
    logit = logit * np.sqrt(1 + np.pi * spread**2 / 8) + _CRITICAL_SELECTION[result]
    any_critical = rng.random(count) < _sigmoid(logit + critical)
    any_serious = rng.random(count) < _SERIOUS_SHARE[any_critical.astype(np.intp), result]
    chance = _OLD_RATES[result].copy()
    reached = np.where(_CRITICAL, share[:, None], 1.0)
    serious_share = _SERIOUS_SHARE[1, result] * share + _SERIOUS_SHARE[0, result] * (1 - share)
    reached = np.where(_SERIOUS, serious_share[:, None], reached)
    # A forced pick (below) adds to the draws; the factor takes that off the critical ones again.
    chance = np.clip(chance / reached * np.where(_CRITICAL, 0.84, 0.95 + 0.05 * _MINOR), 0, 0.97)
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
    return Found(inspection[order], code[order], np.zeros(len(code), dtype=np.int64), words)


def find_new(
    rng: np.random.Generator, result: np.ndarray, clutter: np.ndarray, critical: np.ndarray, empty: np.ndarray,
    spread: float,
) -> Found:  # fmt: skip
    """Draw violations of the codebook since July 2018; arguments as in ``find_old``.

    A Fail or Pass w/ Conditions has a priority or a priority foundation violation, a Pass has neither.
    """
    count = len(result)
    other = (result != PASS).astype(np.intp)
    mean = np.where(result == FAIL, 6.6, np.where(result == CONDITIONS, 4.4, 0.72)) * np.exp(clutter)
    number = rng.poisson(mean * rng.gamma(1.4, 1 / 1.4, count))
    number = np.clip(number + other, 0, 24)
    number = np.where((result == PASS) & (rng.random(count) < 0.22), 0, number)
    keys = np.log(_NEW_WEIGHTS[other]) + rng.gumbel(size=(count, len(NEW_CODES)))
    ranks = np.argsort(np.argsort(-keys, axis=1, kind="stable"), axis=1, kind="stable")
    number[empty] = 0
    inspection, code = np.nonzero(ranks < number[:, None])
    # Mean one before the cap: priority violations keep their share.
    tilt = np.exp(critical - spread**2 / 2)
    dice = rng.random(len(code))
    priority = np.clip(_NEW_SEVERITY[code, 0] * tilt[inspection], 0, 0.98)
    severity = np.where(
        dice < priority, PRIORITY, np.where(dice < priority + _NEW_SEVERITY[code, 1], FOUNDATION, CORE)
    )
    severity = np.where(other[inspection] == 1, severity, CORE)
    worst = np.zeros(count, dtype=np.int64)
    np.maximum.at(worst, inspection, severity)
    lacking = (other == 1) & (worst == CORE)
    forced = rng.random(count) < np.where(result == FAIL, 0.3, 0.1) * tilt
    first = np.ones(len(inspection), dtype=bool)
    first[1:] = inspection[1:] != inspection[:-1]
    mend = first & lacking[inspection]
    severity = np.where(mend, np.where(forced[inspection], PRIORITY, FOUNDATION), severity)
    return Found(inspection, code, severity, rng.integers(0, 2**62, len(code)))


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


# The prose: per topic, things, what is wrong with them, and what to do. One finding is a thing with its fault.

_PLACES = (
    "KITCHEN|REAR PREP AREA|FRONT COUNTER|BASEMENT STORAGE|DISH AREA|BAR|WALK-IN COOLER|DRY STORAGE ROOM|COOK LINE|"
    "REAR HALLWAY|SERVICE AREA|SALES FLOOR|MOP SINK AREA|EMPLOYEE AREA|COFFEE STATION|BAKERY AREA|DELI SECTION|"
    "MEAT ROOM|PANTRY|FRONT PREP AREA"
).split("|")
_GRAMMAR: dict[str, tuple[str, str, str]] = {
    "floor": (
        "FLOOR|FLOOR TILES|FLOOR ALONG THE WALL BASE|FLOOR UNDER THE COOKING EQUIPMENT|COVING|FLOOR DRAIN COVER|"
        "FLOOR IN THE CORNERS|FLOOR BEHIND THE FREEZER|GROUT BETWEEN FLOOR TILES",
        "WITH FOOD DEBRIS|NOT CLEAN|DAMAGED AND UNEVEN|WITH GREASE BUILD-UP|MISSING IN PLACES|IN POOR REPAIR|"
        "WITH DUST AND SPILLS|CRACKED|WITH STANDING WATER",
        "MUST CLEAN AND MAINTAIN|INSTRUCTED TO REPAIR SO THAT IT IS SMOOTH AND EASY TO CLEAN|MUST REPLACE|"
        "INSTRUCTED MANAGER TO DETAIL CLEAN|MUST SEAL AND MAINTAIN",
    ),
    "wall": (
        "WALL|CEILING TILES|WALL BEHIND THE THREE COMPARTMENT SINK|CEILING VENT COVERS|PAINT ON WALL|BASEBOARD|"
        "WALL AT THE MOP SINK|DOOR FRAME|CEILING ABOVE THE PREP TABLE",
        "WITH HOLES|STAINED|PEELING|NOT CLEAN|MISSING|WITH SPLASHED GREASE|WATER DAMAGED|WITH DUST|LOOSE",
        "MUST REPAIR|INSTRUCTED TO CLEAN|MUST REPLACE AND MAINTAIN|MUST SEAL ALL OPENINGS|INSTRUCTED TO PAINT",
    ),
    "surface": (
        "CUTTING BOARD|SHELVING|DOOR GASKET OF REACH-IN COOLER|PREP TABLE|CABINET DOORS|RAW WOOD SHELVES|CAN OPENER|"
        "ICE MACHINE LID|HANDLE OF FREEZER DOOR|CADDY OF THE SODA MACHINE",
        "DEEPLY SCORED|RUSTY|TORN|NOT SMOOTH|IN POOR REPAIR|UNSEALED|LINED WITH FOIL|CRACKED|HELD BY TAPE|WORN",
        "MUST REPAIR OR REPLACE|MUST RESURFACE|INSTRUCTED TO REMOVE AND REPLACE|MUST PAINT AND SEAL|MUST MAINTAIN",
    ),
    "dirty": (
        "INTERIOR OF COOLER|FRYER CABINET|STOVE|HOOD FILTERS|MICROWAVE|SLICER|SHELVES|PREP COOLER|FAN GUARDS|"
        "EXTERIOR OF BULK CONTAINERS|ICE MACHINE INTERIOR|SIDES OF COOKING EQUIPMENT|WHEELS OF RACKS",
        "WITH GREASE BUILD-UP|NOT CLEAN|WITH FOOD SPILLS|WITH DRIED DEBRIS|ENCRUSTED|WITH DUST|WITH A SLIMY FILM",
        "MUST DETAIL CLEAN|INSTRUCTED TO CLEAN AND SANITIZE|MUST CLEAN AND MAINTAIN|CLEAN MORE OFTEN",
    ),
    "plumbing": (
        "FAUCET AT THREE COMPARTMENT SINK|HAND SINK DRAIN|VENTILATION HOOD|MOP SINK|PIPE UNDER THE PREP SINK|"
        "EXHAUST FAN|GREASE TRAP|SINK STOPPERS|SPRAY HOSE|BACKFLOW DEVICE AT UTILITY SINK",
        "LEAKING|LOOSE AT THE WALL|SLOW TO DRAIN|MISSING|NOT WORKING|WITH DUST BUILD-UP|IN POOR REPAIR|NOT VENTED",
        "MUST REPAIR|MUST PROVIDE|INSTRUCTED TO REPAIR AND MAINTAIN|MUST INSTALL|MUST SERVICE AND KEEP A RECORD",
    ),
    "light": (
        "LIGHT FIXTURE|LIGHT SHIELD|BULB UNDER THE HOOD|LIGHT IN WALK-IN COOLER|LIGHT ABOVE PREP TABLE|"
        "END CAPS OF TUBE LIGHTS",
        "NOT SHIELDED|BURNT OUT|MISSING|CRACKED|TOO DIM|WITH INSECTS INSIDE",
        "MUST SHIELD|MUST REPLACE|INSTRUCTED TO PROVIDE PROPER LIGHTING|MUST REPAIR AND MAINTAIN",
    ),
    "clutter": (
        "UNUSED EQUIPMENT|BOXES ON THE FLOOR|MOPS|PERSONAL BELONGINGS|OLD FURNITURE|EMPTY CRATES|WET BROOMS|"
        "CARDBOARD IN THE YARD|PAINT CANS",
        "STORED ACROSS THE AREA|NOT ELEVATED|NOT HUNG TO DRY|KEPT NEXT TO FOOD|PILED ALONG THE WALL|NOT ORGANIZED",
        "MUST REMOVE|MUST ELEVATE SIX INCHES OFF THE FLOOR|INSTRUCTED TO ORGANIZE|MUST STORE PROPERLY",
    ),
    "label": (
        "BULK CONTAINERS|SPRAY BOTTLES|COOKED FOOD IN COOLER|PREPACKAGED SANDWICHES|SPICE CONTAINERS|SQUEEZE BOTTLES|"
        "HOUSE MADE SAUCES",
        "NOT LABELED|WITHOUT NAME AND DATE|WITHOUT INGREDIENTS|LABELED BY HAND AND NOT LEGIBLE",
        "MUST LABEL|INSTRUCTED TO LABEL AND DATE|MUST PROVIDE LABELS WITH ALL INGREDIENTS|MUST MAINTAIN",
    ),
    "utensils": (
        "ICE SCOOP|CLEAN PLATES|TAKE-OUT CONTAINERS|KNIVES|SINGLE USE CUPS|TONGS|STRAWS|METAL PANS",
        "STORED ON THE COUNTER|NOT INVERTED|STACKED WET|KEPT BETWEEN EQUIPMENT|WITH HANDLE IN THE FOOD|NOT COVERED",
        "MUST INVERT|MUST STORE IN A CLEAN CONTAINER|INSTRUCTED TO AIR DRY|MUST PROTECT AND DISCARD AFTER USE",
    ),
    "thermometer": (
        "THERMOMETER IN PREP COOLER|METAL STEM THERMOMETER|THERMOMETER INSIDE FREEZER|THERMOMETER OF WALK-IN COOLER",
        "MISSING|NOT ACCURATE|NOT WORKING|BROKEN|NOT CONSPICUOUS",
        "MUST PROVIDE|MUST REPLACE|INSTRUCTED TO PROVIDE AND PLACE IN FRONT|MUST CALIBRATE",
    ),
    "hair": (
        "FOOD HANDLER|COOK|EMPLOYEE AT PREP TABLE|DELI WORKER|KITCHEN STAFF",
        "WITHOUT HAIR RESTRAINT|WITH A SOILED APRON|WEARING A WATCH|WITHOUT BEARD GUARD|WITH A LOOSE CAP",
        "MUST WEAR HAIR RESTRAINTS|INSTRUCTED TO PROVIDE|MUST WEAR CLEAN APPAREL|MUST REMOVE",
    ),
    "wiping": (
        "WIPING CLOTHS|WASH CLOTHS|SCOOP IN BULK SUGAR|WET TOWELS|SOILED LINEN",
        "LEFT ON THE PREP TABLE|NOT IN SANITIZER|STORED DRY ON THE CUTTING BOARD|IN DIRTY WATER|NOT IN A BAG",
        "MUST STORE IN SANITIZING SOLUTION|MUST KEEP IN A BUCKET BETWEEN USES|INSTRUCTED TO STORE PROPERLY",
    ),
    "toilet": (
        "TOILET ROOM DOOR|WASHROOM|RECEPTACLE IN WOMENS TOILET|EXHAUST VENT IN TOILET ROOM|TOILET SEAT|URINAL",
        "NOT SELF CLOSING|NOT CLEAN|WITHOUT A LID|NOT WORKING|LOOSE|WITHOUT A SIGN TO WASH HANDS|OUT OF SERVICE",
        "MUST PROVIDE A SELF CLOSING DEVICE|MUST REPAIR|INSTRUCTED TO PROVIDE|MUST CLEAN AND MAINTAIN",
    ),
    "pests": (
        "{n} MOUSE DROPPINGS|{n} RAT DROPPINGS|{n} LIVE ROACHES|{n} SMALL FLIES|REAR DOOR WITH A GAP|{n} DEAD ROACHES|"
        "GNAWED BAGS OF RICE AND {n} DROPPINGS|OPENING AROUND PIPES AND {n} DROPPINGS|PEST CONTROL LOG",
        "OBSERVED ON THE FLOOR|FOUND ALONG THE WALL|BEHIND THE EQUIPMENT|UNDER THE SINK|ON SHELVES|NOT IN ORDER|"
        "NEAR STORED FOOD|AROUND THE HOT WATER TANK",
        "MUST CLEAN AND SANITIZE AREA AND HAVE IT SERVICED BY PEST CONTROL|MUST RODENT PROOF THE DOOR|"
        "INSTRUCTED TO REMOVE ALL DROPPINGS|MUST PROVIDE A LOG BOOK WITH LICENSE AND RECEIPTS|MUST SEAL ALL OPENINGS",
    ),
    "garbage": (
        "OUTSIDE DUMPSTER|GREASE CONTAINER|GARBAGE BAGS|GROUND AROUND THE DUMPSTER|RECYCLING CARTS|INSIDE GARBAGE CAN",
        "OVERFLOWING|WITH OPEN LIDS|LEAKING|WITH LITTER|NOT RODENT PROOF|WITH A HOLE IN THE SIDE",
        "MUST KEEP LIDS CLOSED|MUST CLEAN AREA|INSTRUCTED TO CALL FOR A PICK-UP|MUST REPLACE CONTAINER",
    ),
    "temperature": (
        "COOKED CHICKEN AT {t}F|SLICED TOMATOES AT {t}F|COOKED RICE AT {h}F|RAW BEEF AT {t}F|SHELL EGGS AT {t}F|"
        "TAMALES AT {h}F|MILK AT {t}F|CUT MELON AT {t}F|SOUP AT {h}F|PIZZA AT {h}F|COOKED BEANS AT {h}F",
        "IN PREP COOLER|ON THE COUNTER|IN STEAM TABLE|IN WALK-IN COOLER|AT THE COOK LINE|IN DISPLAY CASE",
        "MANAGER DISCARDED {n} LBS WORTH ${n}|MUST KEEP COLD FOOD AT 40F OR BELOW|MUST KEEP HOT FOOD AT 140F OR ABOVE|"
        "FOOD DENATURED AND DISCARDED ABOUT {n} LBS",
    ),
    "cooler": (
        "TWO DOOR COOLER|PREP COOLER|WALK-IN COOLER|DISPLAY COOLER|REACH-IN COOLER|MILK COOLER",
        "AT AMBIENT TEMPERATURE OF {t}F|NOT KEEPING TEMPERATURE, AIR AT {t}F|AT {t}F WITH FOOD INSIDE",
        "COOLER TAGGED HELD FOR INSPECTION|MUST REPAIR TO KEEP 40F OR BELOW|INSTRUCTED NOT TO USE UNTIL REPAIRED",
    ),
    "cross": (
        "RAW CHICKEN|RAW SHELL EGGS|RAW FISH|RAW BEEF|SAME CUTTING BOARD",
        "STORED ABOVE READY-TO-EAT SALAD|USED FOR RAW AND COOKED FOOD|STORED NEXT TO COOKED PORK|DRIPPING ON PRODUCE",
        "MUST STORE RAW FOOD BELOW|FOOD DISCARDED|INSTRUCTED TO WASH, RINSE AND SANITIZE",
    ),
    "hands": (
        "FOOD HANDLER|COOK|EMPLOYEE|SANDWICH MAKER|CASHIER PREPARING FOOD",
        "CHANGED GLOVES WITHOUT WASHING HANDS|TOUCHED READY-TO-EAT BREAD WITH BARE HANDS|HANDLED MONEY THEN FOOD|"
        "DRANK FROM AN OPEN CUP WHILE PREPARING FOOD|USED CELL PHONE THEN PREPARED FOOD",
        "MANAGER INSTRUCTED TO TRAIN STAFF|MUST WASH HANDS WITH SOAP AND WATER|FOOD DISCARDED",
    ),
    "sanitizer": (
        "DISH MACHINE|SANITIZER IN THREE COMPARTMENT SINK|LOW TEMP DISH MACHINE|SANITIZER BUCKET|HIGH TEMP DISH MACHINE",
        "AT 0 PPM|NOT DISPENSING SANITIZER|FINAL RINSE AT {h}F|AT 10 PPM CHLORINE|WITHOUT TEST STRIPS",
        "DISH MACHINE TAGGED, MUST USE THREE COMPARTMENT SINK|MUST PROVIDE 100 PPM|INSTRUCTED TO REPAIR",
    ),
    "water": (
        "HOT WATER AT HAND SINK|HOT WATER AT THREE COMPARTMENT SINK|WATER PRESSURE AT PREP SINK|HOT WATER THROUGHOUT",
        "AT {c}F|NOT AVAILABLE|TOO LOW|SHUT OFF UNDER THE SINK",
        "MUST PROVIDE HOT AND COLD RUNNING WATER|INSTRUCTED TO REPAIR WATER HEATER|MUST RESTORE BEFORE SERVING FOOD",
    ),
    "sewage": (
        "FLOOR DRAIN|THREE COMPARTMENT SINK|WASTE LINE OF PREP SINK|MOP SINK|GREASE BASIN",
        "BACKING UP|DRAINING ON THE FLOOR|WITH WASTE WATER AROUND IT|WITHOUT AIR GAP|LEAKING WASTE WATER",
        "MUST REPAIR AT ONCE|PLUMBER CALLED DURING INSPECTION|MUST CLEAN AND SANITIZE AREA",
    ),
    "handsink": (
        "HAND SINK|EXPOSED HAND SINK|HAND WASHING SINK AT COOK LINE|HAND SINK IN TOILET ROOM|HAND SINK BEHIND BAR",
        "WITHOUT SOAP|WITHOUT PAPER TOWELS|BLOCKED BY A RACK|USED TO STORE UTENSILS|WITHOUT HOT WATER|WITHOUT A SIGN",
        "MUST PROVIDE SOAP AND TOWELS|MUST KEEP ACCESSIBLE|INSTRUCTED TO SUPPLY, CORRECTED DURING INSPECTION",
    ),
    "protect": (
        "ICE MACHINE|BULK FLOUR|COOKED MEATS|OPEN FOOD ON SHELVES|BUFFET LINE|BREAD RACK|PRODUCE|FOOD IN FREEZER",
        "NOT COVERED|WITH A PINK SLIME INSIDE|UNDER A LEAKING PIPE|WITHOUT SNEEZE GUARD|STORED ON THE FLOOR|"
        "IN NON FOOD GRADE BAGS",
        "MUST PROTECT ALL FOOD|MUST COVER|FOOD DISCARDED, {n} LBS|INSTRUCTED TO CLEAN AND SANITIZE",
    ),
    "spoiled": (
        "DENTED CANS|MOLDY PRODUCE|EXPIRED MILK|MEAT WITHOUT STAMP|OYSTERS WITHOUT TAGS|SPOILED FISH",
        "FOUND ON SHELF|FOUND IN COOLER|OFFERED FOR SALE|WITHOUT INVOICE",
        "FOOD DISCARDED AND DENATURED, {n} LBS|MUST USE APPROVED SOURCES ONLY|INSTRUCTED TO REMOVE FROM SALE",
    ),
    "manager": (
        "CERTIFIED FOOD MANAGER|PERSON WITH A CITY SANITATION CERTIFICATE|MANAGER ON DUTY|ORIGINAL CERTIFICATE",
        "NOT ON SITE WHILE HOT FOOD IS PREPARED|NOT PRESENT, {n} CUSTOMERS SERVED|WITH AN EXPIRED CERTIFICATE|NOT POSTED",
        "MUST BE ON SITE AT ALL TIMES|MUST PROVIDE PROOF OF ENROLLMENT|INSTRUCTED TO POST AND MAINTAIN",
    ),
    "dishwash": (
        "THREE COMPARTMENT SINK|DISH MACHINE|DRAIN BOARDS|SINK COMPARTMENTS|TEST STRIPS|GREASE TRAP OF SINK",
        "TOO SMALL FOR THE PANS|NOT INSTALLED|IN POOR REPAIR|MISSING|NOT SET UP|WITHOUT STOPPERS",
        "MUST INSTALL|MUST PROVIDE|INSTRUCTED TO WASH, RINSE AND SANITIZE|MUST REPAIR",
    ),
    "toxic": (
        "CLEANING SPRAY|INSECTICIDE|BLEACH|DEGREASER|MEDICINE OF STAFF",
        "STORED ABOVE FOOD|NOT LABELED|NEXT TO CLEAN PLATES|FOR HOUSEHOLD USE ONLY|ON THE PREP TABLE",
        "MUST STORE AWAY FROM FOOD|MUST LABEL|INSTRUCTED TO REMOVE",
    ),
    "summary": (
        "INSPECTION REPORT SUMMARY|LAST SUMMARY REPORT|SUMMARY OF THE LAST INSPECTION",
        "NOT POSTED|NOT VISIBLE TO CUSTOMERS|COVERED BY A POSTER|KEPT IN THE OFFICE",
        "MUST POST WHERE CUSTOMERS SEE IT|INSTRUCTED TO DISPLAY|MUST POST AND MAINTAIN",
    ),
    "previous": (
        "VIOLATION #{v} OF LAST REPORT|PREVIOUS VIOLATIONS #{v} AND #{v}|MINOR VIOLATIONS OF THE REPORT DATED {d}",
        "NOT CORRECTED|STILL PRESENT|ONLY PARTLY CORRECTED|REPEATED",
        "MUST CORRECT ALL VIOLATIONS|INSTRUCTED TO CORRECT|CITATION WRITTEN",
    ),
    "policy": (
        "EMPLOYEE HEALTH POLICY|SIGNED HEALTH AGREEMENTS|WRITTEN PROCEDURES|HACCP PLAN|REPORTING AGREEMENT",
        "NOT ON SITE|NOT SIGNED BY ALL STAFF|NOT COMPLETE|NOT AVAILABLE FOR REVIEW",
        "MUST PROVIDE FOR EACH EMPLOYEE|INSTRUCTED TO PROVIDE AND KEEP ON SITE|MUST MAINTAIN ON FILE",
    ),
    "vomit": (
        "WRITTEN PROCEDURE FOR VOMITING AND DIARRHEAL EVENTS|CLEAN-UP KIT FOR BODILY FLUIDS|SUPPLIES FOR CLEAN-UP",
        "NOT ON SITE|NOT COMPLETE|WITHOUT GLOVES AND MASK|WITHOUT A NOROVIRUS RATED CLEANER",
        "MUST PROVIDE AND KEEP AT HAND|INSTRUCTED TO PROVIDE WITH THE NEEDED ITEMS|MUST DEVELOP AND MAINTAIN",
    ),
    "training": (
        "FOOD HANDLERS|FOOD EMPLOYEES|CERTIFIED MANAGERS|STAFF ON DUTY",
        "WITHOUT PROOF OF TRAINING|WITHOUT ALLERGEN TRAINING|WITH EXPIRED TRAINING|WITHOUT CERTIFICATES ON SITE",
        "MUST PROVIDE PROOF FOR ALL|INSTRUCTED TO ENROLL|MUST MEET THE REQUIREMENT AND MAINTAIN",
    ),
    "date": (
        "COOKED CHICKEN|DELI MEATS|SOFT CHEESE|HOUSE MADE SALSA|COOKED RICE|OPENED MILK|CUT MELONS|COOKED PASTA",
        "KEPT OVER 24 HOURS WITHOUT A DATE|NOT DATE MARKED|PAST ITS USE BY DATE|WITH A WRONG DATE",
        "MUST DATE WITH A USE BY OF SEVEN DAYS|INSTRUCTED TO LABEL AND DATE ALL|FOOD DISCARDED",
    ),
    "advisory": (
        "MENU|MENU BOARD|DINNER MENU|CARRY-OUT MENU",
        "WITHOUT CONSUMER ADVISORY FOR EGGS COOKED TO ORDER|WITHOUT REMINDER FOR RAW FISH|WITHOUT DISCLOSURE FOR BURGERS",
        "MUST DISCLOSE AND REMIND|INSTRUCTED TO ADD TO ALL MENUS|MUST PROVIDE",
    ),
    "smoking": (
        "NO SMOKING SIGNS|ASHTRAYS|CIGARETTE BUTTS",
        "NOT POSTED AT THE ENTRANCE|FOUND AT THE BAR|FOUND IN THE BASEMENT",
        "MUST POST AT ALL ENTRANCES|MUST REMOVE|INSTRUCTED TO COMPLY WITH THE ORDINANCE",
    ),
}  # fmt: skip
_TOPICS = list(_GRAMMAR)
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
        things, faults, remedies = (part.split("|") for part in _GRAMMAR[topic])

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
    for slot, low, high in (("{n}", 3, 60), ("{t}", 42, 68), ("{h}", 85, 132), ("{c}", 60, 84), ("{v}", 30, 44)):
        while slot in text:
            text = text.replace(slot, str(rng.integers(low, high)), 1)
    while "{d}" in text:
        text = text.replace("{d}", f"{rng.integers(1, 13)}/{rng.integers(1, 29)}/{rng.integers(10, 25)}", 1)
    return text


def write(found: Found, inspections: int, new: np.ndarray) -> pa.Array:
    """Write the violations of all inspections.

    Args:
        found: violations, sorted by inspection.
        inspections: how many inspections there are.
        new: whether each inspection falls under the new codebook.

    Returns:
        one text per inspection, null where nothing was found.
    """
    heads, also, tails = _pools()
    titles = pa.array(
        [f"{row[0]}. {row[1]} - Comments: " for row in _OLD] + [f"{row[0]}. {row[1]} - Comments: " for row in _NEW]
    )
    topic_of = np.array([_TOPICS.index(row[-1]) for row in (*_OLD, *_NEW)])
    starts = np.searchsorted(found.inspection, np.arange(inspections + 1))
    pieces = []
    step = 40_000  # inspections at a time: the whole city's comments would take several times their size
    for first in range(0, inspections, step):
        last = min(first + step, inspections)
        part = slice(starts[first], starts[last])
        is_new = new[found.inspection[part]]
        entry = found.code[part] + np.where(is_new, len(_OLD), 0)
        texts = pc.binary_join_element_wise(
            titles.take(pa.array(entry)),
            _comments(found.words[part], topic_of[entry], found.severity[part], is_new, entry, heads, also, tails),
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
    """Return the ending that names the severity: always after July 2018, for what is worse than minor before."""
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
