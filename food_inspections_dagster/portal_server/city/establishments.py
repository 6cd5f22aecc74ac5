"""The establishments of the simulated city: what they are, where, and what nobody sees of them.

All draws happen when an establishment is born, in the stream of that week, so a longer simulation leaves the earlier
ones as they are. Texts (names, addresses) are put together at the end from the numbers drawn here.
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

# Facility type, share of establishments (%), shares of risk 1, 2, 3 (%), shift of the logit of failing.
_FACILITIES: tuple[tuple[str, float, tuple[int, int, int], float], ...] = (
    ("Restaurant", 68.0, (76, 21, 3), 0.0),
    ("Grocery Store", 13.8, (28, 37, 35), 0.40),
    ("School", 6.2, (95, 4, 1), 0.08),
    ("Bakery", 1.9, (30, 62, 8), 0.33),
    ("Daycare (2 - 6 Years)", 0.85, (97, 2, 1), -0.2),
    ("Catering", 0.75, (86, 12, 2), -0.25),
    ("Golden Diner", 0.45, (93, 6, 1), -0.17),
    ("Long Term Care", 0.42, (98, 1, 1), 0.03),
    ("Daycare Above and Under 2 Years", 0.55, (98, 1, 1), -0.22),
    ("Daycare Combo 1586", 0.4, (98, 1, 1), -0.4),
    ("Children's Services Facility", 0.35, (97, 2, 1), 0.1),
    ("Hospital", 0.28, (97, 2, 1), 0.0),
    ("Liquor", 0.95, (1, 14, 85), 1.0),
    ("", 1.6, (30, 30, 40), 0.3),
    ("Wholesale", 0.3, (22, 40, 38), 0.4),
    ("Daycare (Under 2 Years)", 0.09, (97, 2, 1), 0.0),
    ("BANQUET HALL", 0.08, (80, 15, 5), 0.8),
    ("GAS STATION", 0.16, (6, 34, 60), 0.5),
    ("CAFETERIA", 0.06, (70, 25, 5), -0.2),
    ("TAVERN", 0.32, (6, 24, 70), 1.1),
    ("Daycare (2 Years)", 0.06, (98, 1, 1), -0.2),
    ("Shelter", 0.05, (96, 3, 1), -0.5),
    ("STADIUM", 0.05, (60, 38, 2), 0.7),
    ("GROCERY/RESTAURANT", 0.06, (64, 32, 4), 0.3),
    ("Mobile Food Preparer", 0.12, (55, 40, 5), 0.4),
    ("Shared Kitchen User (Long Term)", 0.09, (80, 18, 2), -0.1),
    ("Special Event", 0.05, (40, 40, 20), -0.2),
    # The rare spellings: each a handful of rows in the City's file.
    ("BAKERY", 0.01, (30, 62, 8), 0.3),
    ("SCHOOL", 0.02, (95, 4, 1), 0.0),
    ("catering", 0.02, (86, 12, 2), -0.2),
    ("gas station", 0.03, (6, 34, 60), 0.5),
    ("LONG TERM CARE", 0.01, (98, 1, 1), 0.0),
    ("Grocery & Restaurant", 0.02, (64, 32, 4), 0.3),
    ("grocery & restaurant", 0.01, (64, 32, 4), 0.3),
    ("AFTER SCHOOL PROGRAM", 0.02, (60, 30, 10), 0.0),
    ("CONVENIENCE", 0.02, (5, 35, 60), 0.4),
    ("convenience store", 0.02, (5, 35, 60), 0.4),
    ("CONVENIENCE STORE", 0.02, (5, 35, 60), 0.4),
    ("cafeteria", 0.02, (70, 25, 5), 0.0),
    ("Cafeteria", 0.01, (70, 25, 5), 0.0),
    ("coffee shop", 0.02, (15, 80, 5), -0.2),
    ("COFFEE SHOP", 0.02, (15, 80, 5), -0.2),
    ("PRIVATE SCHOOL", 0.03, (95, 4, 1), 0.0),
    ("Private School", 0.01, (95, 4, 1), 0.0),
    ("Tavern", 0.06, (6, 24, 70), 1.0),
    ("tavern", 0.01, (6, 24, 70), 1.0),
    ("FITNESS CENTER", 0.02, (5, 45, 50), 0.0),
    ("banquet hall", 0.01, (80, 15, 5), 0.8),
    ("BAR", 0.03, (5, 25, 70), 0.9),
    ("bar", 0.02, (5, 25, 70), 0.9),
    ("TAVERN/RESTAURANT", 0.01, (40, 40, 20), 0.6),
    ("GAS STATION/RESTAURANT", 0.02, (40, 45, 15), 0.4),
    ("LIVE POULTRY", 0.03, (5, 90, 5), 0.4),
    ("ASSISTED LIVING", 0.02, (96, 3, 1), 0.0),
    ("CULINARY SCHOOL", 0.02, (80, 18, 2), 0.0),
    ("ROOFTOPS", 0.03, (60, 38, 2), 0.0),
    ("GROCERY STORE/ RESTAURANT", 0.01, (64, 32, 4), 0.3),
    ("GROCERY/BAKERY", 0.01, (45, 50, 5), 0.3),
    ("Mobile Food Dispenser", 0.03, (5, 80, 15), 0.2),
    ("1023 CHILDERN'S SERVICES FACILITY", 0.02, (97, 2, 1), 0.1),
    ("ICE CREAM SHOP", 0.02, (5, 75, 20), -0.2),
    ("PUBLIC SHCOOL", 0.01, (95, 4, 1), 0.0),
    ("fish market", 0.01, (30, 65, 5), 0.3),
    ("JUICE BAR", 0.02, (20, 75, 5), -0.2),
    ("employee kitchen", 0.01, (20, 60, 20), 0.0),
    ("COLLEGE", 0.02, (90, 9, 1), 0.0),
    ("SENIOR DAY CARE", 0.02, (95, 4, 1), 0.0),
    ("RESTAURANT/BAKERY", 0.01, (60, 38, 2), 0.2),
    ("butcher shop", 0.02, (15, 80, 5), 0.3),
    ("CHARTER SCHOOL", 0.02, (95, 4, 1), 0.0),
    ("Navy Pier Kiosk", 0.02, (30, 65, 5), -0.3),
)
FACILITY_NAMES = [name for name, *_ in _FACILITIES]
_FACILITY_SHARE = np.array([share for _, share, *_ in _FACILITIES])
_FACILITY_RISK = np.cumsum(np.array([risks for _, _, risks, _ in _FACILITIES]) / 100, axis=1)
FACILITY_LOGIT = np.array([shift for *_, shift in _FACILITIES])
CHILDREN = FACILITY_NAMES.index("Children's Services Facility")
_DAYCARES = np.array([name.startswith("Daycare") for name in FACILITY_NAMES])
SCHOOL = FACILITY_NAMES.index("School")
UNNAMED = FACILITY_NAMES.index("")
RISKS = ("Risk 1 (High)", "Risk 2 (Medium)", "Risk 3 (Low)", "All", None)

# Zip, share of establishments (%), latitude, longitude, spread of both (degrees, standard deviation).
_ZIPS: tuple[tuple[int, float, float, float, float, float], ...] = (
    (60614, 3.93, 41.924, -87.651, 0.006, 0.010),
    (60611, 3.72, 41.894, -87.623, 0.003, 0.004),
    (60618, 3.45, 41.949, -87.702, 0.009, 0.014),
    (60657, 3.45, 41.940, -87.655, 0.004, 0.009),
    (60622, 3.42, 41.901, -87.675, 0.007, 0.012),
    (60647, 3.18, 41.921, -87.698, 0.007, 0.014),
    (60632, 2.99, 41.807, -87.709, 0.009, 0.015),
    (60625, 2.93, 41.970, -87.700, 0.005, 0.013),
    (60640, 2.63, 41.972, -87.662, 0.006, 0.007),
    (60608, 2.61, 41.852, -87.669, 0.009, 0.014),
    (60607, 2.58, 41.876, -87.653, 0.007, 0.008),
    (60634, 2.46, 41.945, -87.787, 0.007, 0.019),
    (60623, 2.41, 41.847, -87.715, 0.007, 0.011),
    (60609, 2.30, 41.812, -87.660, 0.010, 0.016),
    (60606, 2.25, 41.881, -87.636, 0.006, 0.011),
    (60610, 2.24, 41.902, -87.633, 0.007, 0.004),
    (60639, 2.19, 41.921, -87.756, 0.007, 0.017),
    (60641, 2.15, 41.948, -87.743, 0.009, 0.012),
    (60616, 2.13, 41.846, -87.631, 0.009, 0.007),
    (60613, 2.11, 41.953, -87.662, 0.005, 0.010),
    (60666, 2.05, 42.0085, -87.9144, 0.0, 0.0),
    (60601, 2.03, 41.886, -87.626, 0.001, 0.004),
    (60629, 1.93, 41.779, -87.711, 0.008, 0.015),
    (60654, 1.92, 41.891, -87.633, 0.003, 0.004),
    (60659, 1.91, 41.993, -87.700, 0.005, 0.010),
    (60628, 1.72, 41.696, -87.626, 0.015, 0.013),
    (60638, 1.70, 41.788, -87.764, 0.008, 0.020),
    (60630, 1.62, 41.971, -87.755, 0.006, 0.019),
    (60617, 1.59, 41.724, -87.556, 0.017, 0.017),
    (60605, 1.57, 41.871, -87.626, 0.005, 0.004),
    (60643, 1.55, 41.703, -87.669, 0.015, 0.012),
    (60661, 1.53, 41.882, -87.642, 0.003, 0.003),
    (60626, 1.50, 42.009, -87.670, 0.006, 0.005),
    (60660, 1.48, 41.991, -87.664, 0.005, 0.006),
    (60620, 1.34, 41.743, -87.653, 0.009, 0.016),
    (60612, 1.29, 41.878, -87.686, 0.007, 0.012),
    (60637, 1.25, 41.785, -87.603, 0.007, 0.011),
    (60619, 1.16, 41.747, -87.608, 0.012, 0.010),
    (60652, 1.11, 41.747, -87.720, 0.006, 0.017),
    (60644, 1.03, 41.880, -87.758, 0.007, 0.009),
    (60646, 0.96, 41.993, -87.768, 0.007, 0.018),
    (60603, 0.96, 41.880, -87.629, 0.001, 0.003),
    (60624, 0.95, 41.876, -87.721, 0.008, 0.009),
    (60615, 0.93, 41.800, -87.597, 0.003, 0.012),
    (60631, 0.90, 41.997, -87.814, 0.010, 0.015),
    (60636, 0.85, 41.776, -87.670, 0.010, 0.014),
    (60651, 0.84, 41.900, -87.739, 0.005, 0.022),
    (60604, 0.80, 41.878, -87.629, 0.001, 0.003),
    (60653, 0.78, 41.815, -87.612, 0.006, 0.009),
    (60602, 0.76, 41.883, -87.629, 0.001, 0.003),
    (60649, 0.72, 41.761, -87.573, 0.007, 0.009),
    (60621, 0.71, 41.775, -87.641, 0.009, 0.008),
    (60642, 0.69, 41.902, -87.659, 0.007, 0.008),
    (60645, 0.66, 42.010, -87.693, 0.007, 0.007),
    (60655, 0.63, 41.698, -87.704, 0.007, 0.012),
    (60707, 0.60, 41.921, -87.797, 0.008, 0.007),
    (60656, 0.48, 41.974, -87.821, 0.006, 0.019),
    (60633, 0.20, 41.654, -87.549, 0.005, 0.007),
    (60827, 0.13, 41.654, -87.604, 0.002, 0.006),
)
ZIP_NAMES = [str(name) for name, *_ in _ZIPS]
ZIP_SHARE = np.array([row[1] for row in _ZIPS]) / sum(row[1] for row in _ZIPS)
_ZIP_PLACE = np.array([row[2:] for row in _ZIPS])
AIRPORT = ZIP_NAMES.index("60666")
_BOX = ((41.6445, 42.0230), (-87.9144, -87.5250))
DISTRICTS = 20
FIRST_LICENSE = 2_000_000
LICENSE_STEP = 23
# Districts are strips of neighbouring zips, from the south to the north.
ZIP_DISTRICT = np.empty(len(_ZIPS), dtype=np.int64)
ZIP_DISTRICT[np.argsort(_ZIP_PLACE[:, 0] + 0.3 * _ZIP_PLACE[:, 1], kind="stable")] = (
    np.arange(len(_ZIPS)) * DISTRICTS // len(_ZIPS)
)

REGIONS = (
    ":@computed_region_awaf_s7ux",
    ":@computed_region_6mkv_f3dw",
    ":@computed_region_vrxf_vc4k",
    ":@computed_region_bdys_3d7i",
    ":@computed_region_43wa_7qmu",
)
_REGION_COUNTS = (53, 63, 77, 801, 50)

# Brand and share of establishments (%). Names that such rows bear; the establishments are invented.
_CHAINS: tuple[tuple[str, float], ...] = (
    ("SUBWAY", 2.0),
    ("DUNKIN DONUTS", 0.8),
    ("7-ELEVEN", 0.42),
    ("POTBELLY SANDWICH WORKS LLC", 0.24),
    ("CHIPOTLE MEXICAN GRILL", 0.2),
    ("CORNER BAKERY CAFE", 0.2),
    ("POTBELLY SANDWICH WORKS", 0.19),
    ("SUBWAY SANDWICHES", 0.17),
    ("AU BON PAIN", 0.15),
    ("MCDONALD'S", 0.35),
    ("STARBUCKS", 0.3),
    ("Subway", 0.13),
    ("STARBUCKS COFFEE", 0.2),
    ("BURGER KING", 0.2),
    ("POPEYES", 0.15),
    ("KFC", 0.1),
    ("WENDY'S", 0.1),
    ("TACO BELL", 0.1),
    ("JIMMY JOHN'S", 0.2),
    ("HAROLD'S CHICKEN SHACK", 0.15),
    ("WALGREENS", 0.3),
    ("ALDI FOODS", 0.1),
    ("JEWEL FOOD STORE", 0.1),
    ("DOMINO'S PIZZA", 0.12),
    ("LITTLE CAESARS PIZZA", 0.1),
    ("PIZZA HUT", 0.08),
    ("FAMILY DOLLAR STORE", 0.25),
)
_CHAIN_NAMES = [name for name, _ in _CHAINS]
_CHAIN_SHARE = np.array([share for _, share in _CHAINS]) / 100
_FIRST = (
    "EL LA LOS GOLDEN NEW OLD ROYAL LITTLE BIG GREEN BLUE RED WHITE BLACK SILVER LUCKY HAPPY SUNNY GRAND CITY "
    "NORTH SOUTH WEST EAST LAKE RIVER PARK CENTRAL LINCOLN HUMBOLDT LOGAN MIDWAY PRAIRIE WINDY MAXWELL TAYLOR "
    "WABASH MONTROSE KEDZIE PULASKI CERMAK TONY'S MARIA'S JOSE'S NICK'S GUS' LOU'S ANNA'S SAM'S JOE'S ROSA'S "
    "MAMA'S PAPA'S UNCLE AUNTIE CHEF CAPTAIN DON DONA SENOR TIO MR. MS. SAINT SAN SANTA VILLA CASA PUERTO CAFE "
    "TAQUERIA PANADERIA JADE IMPERIAL DRAGON LOTUS ORCHID BAMBOO SAKURA KIMCHI PHO SIAM BANGKOK DELHI BOMBAY "
    "PUNJAB KARACHI CEDARS PYRAMID OLYMPIA ATHENA ZEUS APOLLO BALKAN WARSAW KRAKOW DUBLIN KERRY PARIS LYON ROMA "
    "MILANO NAPOLI SICILIA HAVANA CARIBE JAMAICA LAGOS ADDIS"
).split()
_SECOND = (
    "STAR SUN MOON GARDEN PALACE HOUSE KITCHEN CORNER EXPRESS PLACE POINT GATE TOWER BRIDGE HARVEST MARKET FRESH "
    "DELIGHT TASTE FLAVOR SPICE PEPPER ONION OLIVE BASIL THYME LEMON MANGO COCONUT RANCHITO RANCHO POLLO TORO GALLO "
    "PESCADOR MARISCOS CARBON BRASA COMAL MOLCAJETE TIERRA CIELO MAR SOL LUNA FLOR ROSA PARAISO TESORO AMIGO "
    "HERMANOS PRIMO FAMILIA ABUELA NONNA BROTHERS SISTERS FAMILY FRIENDS UNION COMMONS SQUARE STREET AVENUE "
    "BOULEVARD JUNCTION STATION DEPOT HARBOR SHORE ISLAND OCEAN SEA FISH CATCH GRILL SMOKE FIRE FLAME OVEN HEARTH "
    "STONE BRICK COPPER IRON STEEL OAK MAPLE WILLOW"
).split()
_ENDINGS: dict[str, tuple[str, ...]] = {
    "Restaurant": (
        "RESTAURANT", "GRILL", "CAFE", "PIZZA", "TAQUERIA", "DINER", "SUSHI", "BBQ", "BAR & GRILL", "PUB",
        "STEAK HOUSE", "SANDWICHES", "NOODLES", "RESTAURANT, INC.", "GRILL INC", "FOODS LLC", "COFFEE", "CHICKEN",
        "HOT DOGS", "GYROS", "DELI", "BUFFET",
    ),
    "Grocery Store": (
        "FOOD MART", "GROCERY", "SUPERMARKET", "FOODS", "MINI MART", "FOOD & LIQUOR", "MARKET", "PRODUCE",
        "FRUIT MARKET", "CONVENIENCE", "FOOD MART INC", "SUPERMERCADO", "DOLLAR STORE", "FOOD AND DELI",
    ),
    "School": ("ELEMENTARY SCHOOL", "HIGH SCHOOL", "ACADEMY", "SCHOOL", "CHARTER SCHOOL", "COMMUNITY SCHOOL"),
    "Bakery": ("BAKERY", "PANADERIA", "PASTRY SHOP", "BAKERY INC", "CAKES", "BREAD CO."),
    "Care": ("DAY CARE CENTER", "LEARNING CENTER", "CHILD CARE", "PRESCHOOL", "EARLY LEARNING ACADEMY", "KIDS"),
    "Other": ("INC", "LLC", "CORP.", "CENTER", "HOUSE", "CLUB", "LOUNGE", "HALL", "COMPANY", "ENTERPRISES"),
}  # fmt: skip
_ENDING_GROUPS = list(_ENDINGS)
_STREETS = (
    "N CLARK ST|N BROADWAY|N MILWAUKEE AVE|N WESTERN AVE|W NORTH AVE|N HALSTED ST|W DIVERSEY PKWY|W BELMONT AVE|"
    "W IRVING PARK RD|W LAWRENCE AVE|N LINCOLN AVE|N ASHLAND AVE|W FULLERTON AVE|W ARMITAGE AVE|W CHICAGO AVE|"
    "W GRAND AVE|W DEVON AVE|N PULASKI RD|N CICERO AVE|N KEDZIE AVE|N CENTRAL AVE|W MONTROSE AVE|W FOSTER AVE|"
    "N SHERIDAN RD|N STATE ST|N WELLS ST|N LA SALLE ST|N DEARBORN ST|N MICHIGAN AVE|N RUSH ST|W MADISON ST|"
    "W RANDOLPH ST|W LAKE ST|W MONROE ST|W ADAMS ST|W JACKSON BLVD|S WACKER DR|S CLARK ST|S STATE ST|S WABASH AVE|"
    "S MICHIGAN AVE|S CANAL ST|W TAYLOR ST|W ROOSEVELT RD|W CERMAK RD|W 18TH ST|W 26TH ST|W 31ST ST|W 35TH ST|"
    "S ARCHER AVE|S HALSTED ST|S ASHLAND AVE|S WESTERN AVE|S KEDZIE AVE|S PULASKI RD|S CICERO AVE|W 47TH ST|"
    "W 51ST ST|W 55TH ST|W 59TH ST|W 63RD ST|W 69TH ST|W 71ST ST|W 79TH ST|W 87TH ST|W 95TH ST|W 103RD ST|"
    "W 111TH ST|E 43RD ST|E 47TH ST|E 53RD ST|E 55TH ST|E 71ST ST|E 75TH ST|E 79TH ST|E 83RD ST|E 87TH ST|"
    "S COTTAGE GROVE AVE|S STONY ISLAND AVE|S COMMERCIAL AVE|S EWING AVE|S VINCENNES AVE|S KING DR|W OGDEN AVE"
).split("|")
_ODD_CITIES: tuple[tuple[str | None, float], ...] = (
    ("Chicago", 1.3e-3),
    ("chicago", 8e-4),
    ("CCHICAGO", 2.2e-4),
    ("CHicago", 1.5e-4),
    ("CHESTNUT STREET", 1.1e-4),
    ("CHCHICAGO", 1.1e-4),
    ("CHICAGO HEIGHTS", 4e-5),
    ("OOLYMPIA FIELDS", 4e-5),
    ("CHICAGOO", 4e-5),
    ("312CHICAGO", 4e-5),
    ("CHICAGO.", 4e-5),
    (None, 5.5e-4),
)

# Standard deviations on the logit scale, tuned until the calibration's table of memory holds.
PLACE_FAIL, PLACE_CONDITIONS, PLACE_CRITICAL = 0.78, 0.95, 0.70
RISK_LOGIT = np.array([0.0, -0.12, 0.30, 0.0, 0.0])


@dataclass
class Population:
    """Columns over all establishments born so far; grown week by week.

    Attributes:
        columns: arrays by name, all of one length. Visible: ``facility``, ``risk``, ``zip``, ``latitude``,
            ``longitude``, ``license``, and the seeds of texts. Hidden: the persistent ``fail``, ``conditions``,
            ``critical`` and ``clutter`` traits (logits). State: ``next_canvass`` and ``closes`` (days since the
            first Monday), ``alive``.
    """

    columns: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns["facility"]) if self.columns else 0

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def extend(self, newborn: dict[str, np.ndarray]) -> np.ndarray:
        """Append establishments and return their positions."""
        before = len(self)
        for name, values in newborn.items():
            held = self.columns.get(name)
            self.columns[name] = values if held is None else np.concatenate([held, values])
        return np.arange(before, len(self))


def born(rng: np.random.Generator, count: int, day: int, first_license: int, old: bool) -> dict[str, np.ndarray]:
    """Draw new establishments.

    Args:
        rng: the week's stream.
        count: how many.
        day: Monday of the week, in days since the first Monday.
        first_license: licence number of the first one.
        old: true for those that were there before the first week: older licences, no licence inspection.
    """
    facility = rng.choice(len(_FACILITY_SHARE), count, p=_FACILITY_SHARE / _FACILITY_SHARE.sum())
    if day > 2300:  # the licence for children's services replaced the daycares' in 2016
        facility = np.where(_DAYCARES[facility] & (rng.random(count) < 0.9), CHILDREN, facility)
        facility = np.where(rng.random(count) < 0.012, CHILDREN, facility)
    risk = (rng.random((count, 1)) > _FACILITY_RISK[facility]).sum(axis=1).clip(0, 2)
    odd_risk = rng.random(count)
    risk = np.where(odd_risk < 3e-4, 3, np.where(odd_risk < 4e-4, 4, risk))
    zips = rng.choice(len(ZIP_SHARE), count, p=ZIP_SHARE)
    place = _ZIP_PLACE[zips]
    spread = rng.standard_normal((count, 2))
    latitude = np.clip(place[:, 0] + place[:, 2] * spread[:, 0], *_BOX[0])
    longitude = np.clip(place[:, 1] + place[:, 3] * spread[:, 1], *_BOX[1])
    unplaced = rng.random(count) < 0.004
    latitude[unplaced] = np.nan
    number = first_license + LICENSE_STEP * np.arange(count)
    if old:
        number = _old_licenses(rng.random(count))
    odd_license = rng.random(count)
    number = np.where(odd_license < 2.5e-3, 0, np.where(odd_license < 3e-3, -1, number))
    chain = np.searchsorted(np.cumsum(_CHAIN_SHARE), rng.random(count))
    traits = rng.standard_normal((count, 4))
    gloom = traits[:, 0]
    # Restaurants of a chain differ less than others.
    spread_of = np.where(chain < len(_CHAINS), 0.7, 1.0)
    return {
        "facility": facility,
        "risk": risk,
        "zip": zips,
        "latitude": latitude,
        "longitude": longitude,
        "license": number,
        "chain": chain,
        "words": rng.integers(0, 2**62, count),
        "fail": PLACE_FAIL * gloom * spread_of + FACILITY_LOGIT[facility] + RISK_LOGIT[risk],
        "conditions": PLACE_CONDITIONS * (0.75 * gloom + 0.66 * traits[:, 1]) * spread_of,
        "critical": PLACE_CRITICAL * (0.75 * gloom + 0.66 * traits[:, 2]),
        "clutter": 0.30 * traits[:, 3] + 0.12 * gloom,
        "drift": rng.standard_normal(count),
        "drift_day": np.full(count, day, dtype=np.int64),
        "closes": day + _lifetimes(rng, facility, gloom, old),
        "alive": np.ones(count, dtype=bool),
        "next_canvass": np.full(count, day, dtype=np.int64),
        "born": np.full(count, -1 if old else day, dtype=np.int64),
    }


def _old_licenses(dice: np.ndarray) -> np.ndarray:
    """Licences of before 2010: four, five and seven digits, all distinct and below the first new one."""
    number = np.empty(len(dice), dtype=np.int64)
    kinds = ((dice < 0.05, 100, 3), (dice < 0.33, 10_100, 25), (dice >= 0.33, 1_000_000, 900_000))
    for chosen, first, step in kinds:
        held = chosen & ((dice >= 0.05) | (first == 100))
        rank = np.arange(np.count_nonzero(held))
        number[held] = first + rank * (max(1, step // max(1, len(rank))) if first == 1_000_000 else step)
    return number


def _lifetimes(rng: np.random.Generator, facility: np.ndarray, gloom: np.ndarray, old: bool) -> np.ndarray:
    """Days until closure: shorter where things go badly, and hardly ever for schools and hospitals."""
    yearly = 0.205 * np.exp(0.35 * gloom)
    steady = (facility == SCHOOL) | (facility == FACILITY_NAMES.index("Hospital"))
    yearly = np.where(steady, 0.03, yearly)
    days = rng.exponential(365.0 / yearly)
    return (days + (0 if old else 60)).astype(np.int64)


@dataclass(frozen=True)
class Texts:
    """The portal's texts of every establishment, as Arrow string arrays in the population's order."""

    dba_name: pa.Array
    aka_name: pa.Array
    license_: pa.Array
    facility_type: pa.Array
    risk: pa.Array
    address: pa.Array
    city: pa.Array
    state: pa.Array
    zip: pa.Array
    latitude: pa.Array
    longitude: pa.Array
    regions: tuple[pa.Array, ...]


def texts(population: Population) -> Texts:
    """Put the texts of all establishments together; the same numbers always give the same texts."""
    words = population["words"].astype(np.uint64)
    chain, facility, zips = population["chain"], population["facility"], population["zip"]
    names, others, streets, cities = [], [], [], []
    odd = np.cumsum([share for _, share in _ODD_CITIES])
    for position in range(len(population)):
        bits = int(words[position])
        name, other = _names(bits, int(chain[position]), FACILITY_NAMES[facility[position]])
        names.append(name)
        others.append(other)
        streets.append(_address(bits >> 7, zips[position] == AIRPORT))
        which = int(np.searchsorted(odd, (bits % 1_000_003) / 1_000_003))
        cities.append(_ODD_CITIES[which][0] if which < len(_ODD_CITIES) else "CHICAGO")
    share = (words % np.uint64(999_983)).astype(np.float64) / 999_983
    number = population["license"]
    latitude, longitude = population["latitude"], population["longitude"]
    placed = ~np.isnan(latitude)
    return Texts(
        dba_name=pa.array(names),
        aka_name=pa.array(others),
        license_=pa.array([None if n < 0 else str(n) for n in number.tolist()]),
        facility_type=pa.array([FACILITY_NAMES[f] or None for f in facility.tolist()]),
        risk=pa.array([RISKS[r] for r in population["risk"].tolist()]),
        address=pa.array(streets),
        city=pa.array(cities, pa.string()),
        state=pa.array(np.full(len(population), "IL", dtype=object), mask=share < 2.5e-4),
        zip=pa.array(
            np.where(share > 1 - 4e-5, "66019", np.array(ZIP_NAMES)[zips]).astype(object),
            mask=(share > 0.5) & (share < 0.5003),
        ),
        latitude=pa.array([repr(v) if ok else None for v, ok in zip(latitude.tolist(), placed, strict=True)]),
        longitude=pa.array([repr(v) if ok else None for v, ok in zip(longitude.tolist(), placed, strict=True)]),
        regions=tuple(_region(latitude, longitude, placed, count) for count in _REGION_COUNTS),
    )


def _region(latitude: np.ndarray, longitude: np.ndarray, placed: np.ndarray, count: int) -> pa.Array:
    """Number the cells of a grid with about ``count`` cells, as the portal numbers wards and areas."""
    side = int(np.ceil(np.sqrt(count)))
    row = ((np.nan_to_num(latitude, nan=41.8) - 41.64) / 0.39 * side).astype(np.int64)
    column = ((np.nan_to_num(longitude, nan=-87.7) + 87.92) / 0.40 * side).astype(np.int64)
    return pa.array(((row * side + column) % count + 1).astype(str).astype(object), pa.string(), mask=~placed)


def _names(bits: int, chain: int, facility: str) -> tuple[str, str | None]:
    """Return dba_name and aka_name: equal in three of four, now and then with double blanks, rarely null."""
    dice = (bits >> 40) % 1000
    if chain < len(_CHAINS):
        name = _CHAIN_NAMES[chain]
        plain = name
        if dice % 10 < 2:
            name = f"{name} #{1000 + bits % 48_000}"
    else:
        first, second = _FIRST[bits % len(_FIRST)], _SECOND[(bits >> 8) % len(_SECOND)]
        endings = _ENDINGS[_ending_group(facility)]
        plain = f"{first} {second}"
        name = f"{plain} {endings[(bits >> 16) % len(endings)]}"
        if dice % 50 == 7:
            name = name.title()
    if dice % 40 == 3:
        name = name.replace(" ", "  ", 1)
    draw = (bits >> 24) % 1000
    if draw < 11:
        return name, None
    return name, name if draw < 755 else plain


def _ending_group(facility: str) -> str:
    lowered = facility.lower()
    if "school" in lowered or "college" in lowered:
        return "School"
    if "daycare" in lowered or "children" in lowered:
        return "Care"
    if "grocery" in lowered or "convenience" in lowered or "gas" in lowered or "liquor" in lowered:
        return "Grocery Store"
    if "baker" in lowered:
        return "Bakery"
    return "Restaurant" if lowered in ("restaurant", "", "golden diner") else "Other"


def _address(bits: int, airport: bool) -> str:
    if airport:
        return "11601 W TOUHY AVE "
    street = _STREETS[bits % len(_STREETS)]
    number = 1 + (bits >> 8) % 9900
    dice = (bits >> 24) % 1000
    text = f"{number} {street} "
    if dice < 25:
        text = f"{number}-{number + 4} {street} "
    elif dice < 110:
        head, _, tail = street.partition(" ")
        middle, _, suffix = tail.rpartition(" ")
        text = f"{number} {head} {(middle or suffix).title()} {suffix if middle else ''}".rstrip() + " "
    elif dice < 118:
        text = f"{number}  {street} "
    elif dice < 125:
        text = f"{number} {street} BLDG "
    return text if dice != 999 else text.rstrip()
