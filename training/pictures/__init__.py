"""Real photographs as training data for what makes pictures, and as its measure (docs/video.md)."""
