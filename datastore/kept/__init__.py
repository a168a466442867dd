"""How telemetry is kept, whatever the database: the newest, hot rows, minutes, hours, sealed chunks. It speaks to `engine` only."""
