"""A single HTML file that shows a store of records; it needs no installation and no network access."""
