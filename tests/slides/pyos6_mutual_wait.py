"""Two tasks wait for each other: the main loop waits forever."""

from course_os import GetTid, WaitTask, boot


def waits(tid):
    mytid = yield GetTid()
    print("task", mytid, "waits for task", tid)
    yield WaitTask(tid)
    print("never printed")


boot(waits(2), waits(1))
