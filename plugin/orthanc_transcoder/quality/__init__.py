"""Measures of what a lossy transcoding did, and the limits that it must keep."""
