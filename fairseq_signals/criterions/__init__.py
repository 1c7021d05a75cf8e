"""What fairseq registers as criterions: one objective per file, a pure function and the class under it."""
