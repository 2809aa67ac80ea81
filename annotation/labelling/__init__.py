"""The labelling projects of Label Studio, as pure conversions: configuration, tasks, and what people answered."""
