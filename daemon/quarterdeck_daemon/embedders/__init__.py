"""Embedders: text to vectors. Small libraries of numbers, run where a crash costs a restart, not the kernel."""
