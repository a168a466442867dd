"""The look: pages, panels, figures, theme."""
