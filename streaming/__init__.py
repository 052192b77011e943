"""What crosses a wire: the WebRTC room and its page."""
