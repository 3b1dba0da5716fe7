"""The lines of a process's log: their form, what stands in none of them, how many there may be."""
