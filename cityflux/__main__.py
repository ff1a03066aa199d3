"""`python -m cityflux` is the command `cityflux`."""

from cityflux.main import run

if __name__ == "__main__":
    run()
