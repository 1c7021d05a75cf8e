"""What fairseq registers as tasks: manifests in, batches on the device, scores out."""
