"""A study: methods, seeds and datasets from one file, each at its own best rate, and what comes of it.

``design`` reads the file, ``parts`` makes the data, ``order`` says what is to be run next, ``trial`` runs one,
``scheduler`` runs them all, ``findings`` and ``report`` tell what was found.
"""
