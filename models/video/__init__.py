"""The learned picture: diffusion that completes the warped portrait (paper section 3.2)."""
