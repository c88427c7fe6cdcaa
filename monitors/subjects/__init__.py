"""What is measured, one module per subject: each reads the database and gives samples, nothing else."""
