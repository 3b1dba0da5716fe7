"""What the training of the embedded CLIP is made of: views, texts, losses, measures."""
