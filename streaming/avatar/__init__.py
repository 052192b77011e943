"""The avatar socket: speech in, pictures and sound out, for programs that bring their own conversation."""
