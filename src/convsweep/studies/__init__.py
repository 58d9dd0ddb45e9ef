"""The studies behind ``experiments/``: each asks one question, measures, and writes its page.

``python -m convsweep.studies NAME`` runs one (``make experiment NAME=...`` installs what it needs first). A study
measures into a table, ``results.csv``; all that its page says of the outcome is computed from that file.
"""
