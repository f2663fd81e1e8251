"""
`python -m holdfast`: the same as the command `holdfast`.
"""

from holdfast.cli import main_in_own_process

if __name__ == "__main__":
    main_in_own_process()
