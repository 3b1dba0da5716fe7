"""What can be asked, as plain data: the same on HTTP and WebSocket."""
