"""The rooms of the Flow, one package each. A room never imports another."""
