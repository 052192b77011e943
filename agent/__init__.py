"""The conversation: hearing, thinking, speaking, taking turns; and the command line."""
