"""The daemon's side: a pure core, its store, and the processes around them."""
