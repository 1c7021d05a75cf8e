"""Everything between a file on disk and a batch of windows: records, readers, store, manifest, splits."""
