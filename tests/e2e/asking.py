"""Asking Prefect's server as its own clients do: a busy one answers 503, and wants to be asked again."""

from prefect.client.base import PrefectHttpxSyncClient


def asking(api: str) -> PrefectHttpxSyncClient:
    """A client whose paths are relative to `api`; what is refused raises."""
    return PrefectHttpxSyncClient(base_url=api, timeout=60)
