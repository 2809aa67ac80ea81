"""Side-by-side measurements, each one command: `python -m benchmarks.NAME [--quick]`.

Each prints a table and, as its last line, one JSON object with `name`, `ratio` and the other figures.
"""
