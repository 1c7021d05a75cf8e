"""Arrays in, numbers out: scores of diagnosis and identification, tables and pictures; knows no fairseq."""
