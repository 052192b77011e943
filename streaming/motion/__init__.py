"""Motion on a wire: the codec of docs/motion-stream.md, its carriers and its player."""
