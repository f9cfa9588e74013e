"""The command line as a module: `python -m mobench`."""

from mobench.cli.main import main

if __name__ == "__main__":
    main()
