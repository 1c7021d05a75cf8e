"""One preparer per source: its folders, labels, folds and patient rule, and nothing else."""
