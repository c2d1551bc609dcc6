"""Tasks make and kill tasks: NewTask, KillTask."""

from course_os import GetTid, KillTask, NewTask, boot


def foo():
    mytid = yield GetTid()
    while True:
        print("I'm foo", mytid)
        yield


def main():
    child = yield NewTask(foo())
    for _ in range(5):
        yield
    yield KillTask(child)
    print("main done")


boot(main())
