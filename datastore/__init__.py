"""How telemetry and records are kept."""
