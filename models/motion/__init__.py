"""Speech to motion: what the person does, frame by frame (paper section 3.1)."""
