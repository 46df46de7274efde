"""`python -m fadefollow`: the command line."""

from fadefollow.cli import main

if __name__ == "__main__":
    main()
