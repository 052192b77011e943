"""The parametric body: shape, pose and expression to vertices (paper section 3.1)."""
