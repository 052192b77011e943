"""Real photographs as training data for what makes pictures (docs/video.md)."""
