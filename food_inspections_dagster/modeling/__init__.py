"""The method: from feature rows to models, the choice among them, their audit and reasons. Pure: no I/O.

feature rows ─ splits ─ algorithms ─ training ─ backtest rows ─ metrics ─ selection ─┬ fairness
                                        └ persistence (bytes)                        └ explanations, plots
"""
