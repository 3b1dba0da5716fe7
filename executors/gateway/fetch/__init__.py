"""Pictures by URL: fetched for an ad from listed hosts, and from nowhere else."""
