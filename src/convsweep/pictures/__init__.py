"""Pictures: of one run, and of many beside each other."""
