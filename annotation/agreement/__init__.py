"""How far people agree, by kind of work, and how much a sample of their work says."""
