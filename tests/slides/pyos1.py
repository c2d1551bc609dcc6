"""A task is run by hand, from one yield to the next."""

from course_os import Task


def foo():
    print("Part 1")
    yield
    print("Part 2")
    yield


t1 = Task(foo())
print("Running foo()")
t1.run()
print("Resuming foo()")
t1.run()
