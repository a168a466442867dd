"""S1: SolarHub, everything below /api/v1 that its clients call."""
