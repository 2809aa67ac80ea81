"""The commands of `defectory`, by subject. Heavy imports wait inside them, so that --help and errors are quick."""
