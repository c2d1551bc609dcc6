"""Only half of a task is killed: its innermost subroutine."""

from course_os import GetTid, KillTask, NewTask, boot


def endless():
    while True:
        yield GetTid()


def caller():
    yield endless()
    print("the subroutine was killed, and its caller goes on")


def main():
    child = yield NewTask(caller())
    yield
    yield KillTask(child)
    print("main has killed task", child)


boot(main())
