"""Trials of ``faults.py``: a sweep whose processes are killed at random, repeated until it ends, and checked."""
