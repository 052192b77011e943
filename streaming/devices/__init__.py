"""A room over MQTT for devices: shows are started, made to speak and stopped, and their state is told."""
