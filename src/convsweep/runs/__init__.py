"""From configurations to records: the plan, the stacks, the processes that train them. No Hydra, no MLflow."""
