"""Recall: the derived indexes and the ranking over them. Everything here may be deleted; it costs only time."""
