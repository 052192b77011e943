"""How well motion fits its sound: any motion stage against real people, and on generated speech."""
