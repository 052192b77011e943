"""Training of video models (paper section 3.2)."""
