"""`python -m aigc_course.cli`: the command line without its launcher script."""

from aigc_course.cli import main

if __name__ == "__main__":
    main()
