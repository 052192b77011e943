"""Training of the full model, in torch."""
