"""MLflow as a view of runs and sweeps. Importing a module of this package imports mlflow, which takes seconds."""
