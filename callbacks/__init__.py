"""Every callback of the dashboard."""
