"""Learned pictures: their data, their training, and how well they do."""
