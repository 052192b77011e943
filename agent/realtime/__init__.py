"""A conversation with a program, in the events of OpenAI's Realtime API; the picture goes to a show."""
