"""The command `batchmri`, also as `python -m batchmri`."""

from batchmri.interrupts import exit_on_interrupts

exit_on_interrupts()

from batchmri.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
