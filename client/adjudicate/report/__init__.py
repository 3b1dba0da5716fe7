"""What the service did over a window of time: `adjudicate report`."""
