"""A wait for a task that has ended is no wait."""

from course_os import NewTask, WaitTask, boot


def foo():
    print("I'm foo")
    yield


def main():
    child = yield NewTask(foo())
    for _ in range(2):
        if (yield WaitTask(child)):
            print("waited for the child")
        else:
            print("nobody has that id, so there is no wait")


boot(main())
