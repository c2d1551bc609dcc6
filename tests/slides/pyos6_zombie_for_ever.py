"""A killed task waits for its killer, which waits for its end."""

from course_os import GetTid, KillTask, NewTask, WaitTask, boot


def victim(tid):
    yield WaitTask(tid)
    print("never printed")


def main():
    mytid = yield GetTid()
    child = yield NewTask(victim(mytid))
    yield KillTask(child)
    print("main has killed task", child)
    yield WaitTask(child)
    print("never printed")


boot(main())
