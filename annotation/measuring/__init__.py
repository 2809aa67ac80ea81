"""What a picture and the mask of its defect say by themselves: lengths, shares, tones, and words for them."""
