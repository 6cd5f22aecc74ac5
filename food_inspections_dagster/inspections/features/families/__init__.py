"""The families of features, one module each, found by ``registry``: a module with a constant ``FAMILY`` is a family.

A new feature is an entry of one of these modules, a new family a new module; nothing else names them.
"""
