"""A SODA 2.1 server of our own over any rows, and the simulated city it serves when no other rows are
named.
"""
