"""The stages, one folder each, upstream first; `automation` says when they are made.

A folder is found by itself: its module `assets` has a function ``stages(settings)``.
"""
