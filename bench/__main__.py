"""`python -m bench` in, the command `talkbench` out."""

from bench.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
