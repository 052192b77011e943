"""The plugin's version, as LiveKit's registry of plugins shows it."""

__version__ = "0.1.0"
