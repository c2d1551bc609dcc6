"""A task waits for another: WaitTask."""

from course_os import NewTask, WaitTask, boot


def foo():
    for _ in range(5):
        print("I'm foo")
        yield


def main():
    child = yield NewTask(foo())
    print("Waiting for child")
    yield WaitTask(child)
    print("Child done")


boot(main())
