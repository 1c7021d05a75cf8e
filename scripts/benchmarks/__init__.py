"""What `scripts/benchmark.py` measures, one part per file, and the table it prints."""
