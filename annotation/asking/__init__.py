"""Asking models: the ledger first, then a provider, online or in batches; nothing is paid for twice."""
