"""What the decisions say of the judge and the screen, and what people say of the decisions."""
