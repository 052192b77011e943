"""The upscaler of the learned picture: what it learns from, and how."""
