"""A real Chromium, driven over its DevTools protocol."""
