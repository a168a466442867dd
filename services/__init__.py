"""What doors and screens share."""
