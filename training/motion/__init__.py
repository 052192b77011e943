"""Training the motion network: data, loss, loop and distillation."""
