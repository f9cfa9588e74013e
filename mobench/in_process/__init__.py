"""Names that `mobench.register` registers for the running process: their classes, their sources, their transport."""
