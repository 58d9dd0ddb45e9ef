"""MLflow as a view of runs and sweeps. All modules but ``names`` and ``process`` import mlflow, which takes seconds."""
