"""The nginx that publishes sessions: its configuration, its table of routes, its pages."""
