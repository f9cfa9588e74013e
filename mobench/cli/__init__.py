"""The command line, with one small module per command. Heavy modules are imported only when a command runs."""
