"""The trainings behind a paper's tables: planned from a study, run by fairseq's commands, collected."""
