"""Candidates, coverage, providers, the ledger and the review formats: pure work on values; no files, no flows."""
