"""Text for samples and classes: described, levelled, audited, and what it costs (SteelDefectX)."""
