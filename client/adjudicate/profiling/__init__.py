"""Where the time of a review goes: `adjudicate profile`."""
