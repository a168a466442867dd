"""The yardstick: the vehicle telemetry service of the S4 document as its authors would build it. Frozen, see README.md."""
