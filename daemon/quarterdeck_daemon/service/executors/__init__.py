"""Executors: where steps are carried out. The kernel stays the only keeper of state and policy whichever it is."""
