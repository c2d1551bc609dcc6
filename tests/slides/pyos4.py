"""A system call: GetTid."""

from course_os import GetTid, boot


def foo():
    mytid = yield GetTid()
    for _ in range(5):
        print("I'm foo", mytid)
        yield


def bar():
    mytid = yield GetTid()
    for _ in range(10):
        print("I'm bar", mytid)
        yield


boot(foo(), bar())
