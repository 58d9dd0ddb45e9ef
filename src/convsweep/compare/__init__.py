"""Runs beside each other, read from their records."""
