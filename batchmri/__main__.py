"""`python -m batchmri`."""

from batchmri.cli import main

if __name__ == "__main__":
    main()
