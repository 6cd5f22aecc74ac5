"""A simulated city: food establishments and their inspections, calibrated on the City of Chicago's
published rows.

Nothing in it is real. Names, addresses and comments are made from word lists of our own; brand and street
names are used as the names that such rows bear. What is calibrated are counts: see ``calibration``.
"""
