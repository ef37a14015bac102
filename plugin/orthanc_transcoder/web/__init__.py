"""The plugin's REST routes, as functions from a path to an answer."""
