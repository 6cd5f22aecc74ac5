"""The stages, one folder each, in the order of the data's way; `automation` says when they are made.

A folder is found by itself: its module `assets` has a function ``stages(settings)``.
"""
