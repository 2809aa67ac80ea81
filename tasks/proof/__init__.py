"""The proof of a release: each claim that it makes, checked from its files alone."""
