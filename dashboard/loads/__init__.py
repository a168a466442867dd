"""What panels load: store and scope in, Table out. Nothing here draws."""
