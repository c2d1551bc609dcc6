"""grep as a coroutine: it is sent lines."""

from course_coroutine import coroutine


@coroutine
def grep(pattern):
    print("Looking for", pattern)
    while True:
        line = yield
        if pattern in line:
            print(line)


g = grep("python")
g.send("Yeah, but no, but yeah, but no")
g.send("A series of tubes")
g.send("python generators rock!")
