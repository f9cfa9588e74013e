"""`mobench new`: generates small installable packages with one method each from the files in `templates`."""
