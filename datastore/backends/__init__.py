"""One module per kind of server; each speaks the ports of `datastore.ports`."""
