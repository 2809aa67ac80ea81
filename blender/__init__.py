"""Runs inside Blender: imports the standard library, NumPy and bpy only. Talks to the rest by a job file."""
