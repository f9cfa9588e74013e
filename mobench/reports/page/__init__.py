"""One HTML file that shows a folder of records, with nothing to install and no network."""
