"""Descriptions without a model: sentences composed from what is measured and known."""
