"""Video language models examined on a release (MMVIAD, section 4)."""
