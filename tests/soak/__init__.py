"""Random histories lived through by the portal and by the second implementation, side by side.

comparison.py  several customers at once in one database, step by step
stories.py     a history as a file, to be lived through again
loop.py        one random history after the other, until time is up (`manage.py soak`)
"""
