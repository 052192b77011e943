"""Known text on known sound: which phone sounds when."""
