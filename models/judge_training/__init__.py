"""Training of the embedded judge: tokenizer, network, renders, ads, losses, evaluation."""
