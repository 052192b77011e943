"""`full`: the paper's own video model, in torch. Nothing outside imports this before it is chosen."""
