"""How fast convsweep is, and whether kills cost anything: ``python -m benchmarks``, ``python benchmarks/faults.py``."""
