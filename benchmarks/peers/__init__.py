"""The same network in other programs: PyTorch, JAX, C, plain loops."""
