"""What is measured, a file a question. The process that runs the benchmark imports none of it that needs NumPy."""
