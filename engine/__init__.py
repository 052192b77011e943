"""The real-time engine: sessions, the media clock, quality tiers, offline rendering."""
