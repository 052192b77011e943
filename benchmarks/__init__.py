"""Measurements of this machine; each module has a `main` that prints them."""
