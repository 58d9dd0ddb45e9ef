"""Hydra's side: ``convsweep train``, its configuration, its sweeps."""
