"""Scores of places that somebody asks about, in a process of its own: the server stays small and knows no model.

``pool`` is the server's side. The process that it starts imports the others: ``worker`` keeps what it has loaded,
``loading`` reads the object store, ``scoring`` answers, by the features of the pipeline.
"""
