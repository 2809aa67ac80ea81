"""From instances to filmed clips: what is shown, how it is seen, planned with rays and rendered (MMVIAD, 3.1)."""
