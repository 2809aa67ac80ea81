"""What runs: Prefect flows, one per stage, `build`, which chains them, and the command line."""
