"""The static site of a board: pages, plain files and feeds, as a function of the board's folder."""
