"""Data curation, training, distillation and evaluation."""
