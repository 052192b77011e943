"""A camera's pictures to motion: what is seen of a person becomes what an avatar does."""
