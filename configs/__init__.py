"""Presets of visavis, one YAML file each; `agent.config.load_config` reads them."""
