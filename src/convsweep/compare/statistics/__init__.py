"""The statistics of comparing runs: pure functions of arrays, which know nothing of runs, records and tables.

``intervals`` of one mean or accuracy; ``paired`` tests of two; ``best``: which configurations can't be told from the
best; ``effects`` of hyperparameters; ``budget``: how good the best of k tries is; ``pareto``: time against accuracy.

Axis letters: C configurations, S seeds, N images. Every array must be finite: the caller drops diverged runs. SciPy is
used through ``scipy.special`` alone, because importing ``scipy.stats`` takes half a second.
"""
