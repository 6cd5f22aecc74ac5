"""Experiment tracking: what is stored, shown once more in MLflow.

Fits, decisions and evaluations lie in the object store and in Postgres, whether or not a tracking server answers. From
there they are sent, each once, by what its runs say is there already; so a server that was down is caught up with, and
nothing that makes a list knows of MLflow.
"""
