"""A public board: submissions of records, their verification, and the site that shows them."""
