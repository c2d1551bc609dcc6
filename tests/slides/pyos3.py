"""A scheduler with exit."""

from course_os import boot


def foo():
    for _ in range(10):
        print("I'm foo")
        yield


def bar():
    for _ in range(5):
        print("I'm bar")
        yield


boot(foo(), bar())
