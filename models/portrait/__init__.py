"""Photo to avatar: landmarks, fit, mask, background."""
