"""A release: a frozen, numbered export, and every file that it holds."""
