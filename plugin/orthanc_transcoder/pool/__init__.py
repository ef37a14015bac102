"""Worker processes: a deadline for each job, and no job takes down another."""
