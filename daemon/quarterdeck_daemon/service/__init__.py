"""The rim: processes, sockets, clocks and threads around the pure core. It owns them and decides nothing."""
