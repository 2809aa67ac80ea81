"""What a text claims of a defect, held against what was measured and what is known."""
