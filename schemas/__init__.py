"""Recipes, rows and errors: imported by every other package, importing none of them."""
