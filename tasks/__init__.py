"""The stages' work: from rows and files to rows and files. No Prefect, no command line."""
