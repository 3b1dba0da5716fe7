"""The statistics of quality over time, and the thread that keeps them fresh."""
