"""What fairseq registers as models: an encoder, the heads of a method or a task, named outputs."""
