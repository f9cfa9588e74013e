"""Run the code of READMEs as a reader would: find it in the pages, shorten it, run it with the installed command."""
