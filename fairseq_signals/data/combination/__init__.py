"""Several prepared data sets made into one that is read like any other: who is left out, what the labels mean."""
