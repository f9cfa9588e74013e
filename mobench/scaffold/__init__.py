"""`mobench new`: small installable packages with one method each, from the files under `templates`."""
