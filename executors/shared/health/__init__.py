"""Whether a process lives, is ready, and does its work: the probes, the deep check, the board."""
