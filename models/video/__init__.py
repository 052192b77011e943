"""Learned pictures (paper section 3.2)."""
