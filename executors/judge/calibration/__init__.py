"""Whether the judge's probability means what it says, and the temperature that makes it so."""
