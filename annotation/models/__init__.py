"""Language models: what is asked of them, who answers, what it costs, and how much may be under way."""
