"""A killed task keeps waiting: it ends at its next turn, which comes with its event."""

from course_os import KillTask, NewTask, WaitTask, boot


def event():
    for _ in range(4):
        print("the event has not come")
        yield


def victim(tid):
    yield WaitTask(tid)
    print("never printed")


def main():
    event_tid = yield NewTask(event())
    child = yield NewTask(victim(event_tid))
    yield KillTask(child)
    print("main has killed task", child)
    yield WaitTask(child)
    print("main has seen its end")


boot(main())
