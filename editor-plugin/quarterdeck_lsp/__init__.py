"""The language server: speaks LSP to an editor and our protocol to the daemon. Its modules come with the editor plugins."""
