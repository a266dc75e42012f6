"""Pictures as SVG, each a Jinja2 template."""
