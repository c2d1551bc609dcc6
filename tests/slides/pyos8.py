"""Subroutines that make system calls."""

from course_os import GetTid, boot


def whoami():
    mytid = yield GetTid()
    yield mytid


def greet(name):
    mytid = yield whoami()
    print("I'm", name, mytid)
    yield mytid


def main():
    a = yield greet("main")
    b = yield greet("main again")
    yield
    print("in all", a + b)


boot(main())
