"""Rasterised body controls and the warped portrait (paper section 3.2)."""
