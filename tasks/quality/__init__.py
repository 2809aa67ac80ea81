"""Quality rounds and adjudication: who looks again at what, and what follows from it (InspecSafe-V1)."""
