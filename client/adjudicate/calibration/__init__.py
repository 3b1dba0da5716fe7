"""From labelled ads to thresholds: the arithmetic, the estimates, and the report."""
