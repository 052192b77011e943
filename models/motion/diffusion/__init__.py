"""Speech to motion by diffusion: causal, frame by frame, with the past cached (paper section 3.1)."""
