"""What READMEs show, run as a reader would: found in the pages, made short, and run by the installed command."""
