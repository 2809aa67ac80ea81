"""Image sets as they are distributed, made into samples: readers of their layouts, archives, pictures, the stage."""
