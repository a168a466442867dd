"""An existing SolarHub installation, read in place: 18 MySQL databases on one host, a second host (GTR), two Redis instances."""
