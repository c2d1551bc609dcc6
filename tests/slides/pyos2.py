"""A scheduler without exit: the end of its first task ends it."""

from course_os import Scheduler


def foo():
    for _ in range(10):
        print("I'm foo")
        yield


def bar():
    while True:
        print("I'm bar")
        yield


sched = Scheduler()
sched.new(foo())
sched.new(bar())
try:
    sched.mainloop_without_exit()
except StopIteration as error:
    print(type(error).__name__)
