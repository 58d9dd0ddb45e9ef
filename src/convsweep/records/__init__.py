"""What is on disk: written by whoever trains, read by everybody else."""
