"""Calls: people who see each other drawn, from their motion and their voice."""
