"""The pure middle: state and command in, events out. No clock, socket, disk, thread or chance."""
