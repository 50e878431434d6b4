"""Confinement of processes that handle what strangers wrote: what the kernel offers, applied in layers."""
