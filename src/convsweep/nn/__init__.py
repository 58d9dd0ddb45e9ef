"""The mathematics: patches, layers, network, and the training loop that yields events. NumPy only."""
