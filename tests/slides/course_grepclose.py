"""grep is closed: it sees that, ignores it, or cleans up."""

from course_coroutine import coroutine


@coroutine
def grep(pattern):
    print("Looking for", pattern)
    try:
        while True:
            line = yield
            if pattern in line:
                print(line)
    except GeneratorExit:
        print("Going away. Goodbye")


@coroutine
def stubborn_grep(pattern):
    print("Looking for", pattern)
    while True:
        try:
            line = yield
            if pattern in line:
                print(line)
        except GeneratorExit:
            print("I stay")


@coroutine
def tidy_grep(pattern):
    print("Looking for", pattern)
    try:
        while True:
            line = yield
            if pattern in line:
                print(line)
    finally:
        print("clean up!")


g = grep("python")
g.send("Yeah, but no, but yeah, but no")
g.send("python generators rock!")
g.close()
try:
    g.send("python is too late")
except StopIteration:
    print("nobody looks any more")

print("-- it ignores that it is closed")
g = stubborn_grep("python")
try:
    g.close()
except RuntimeError as error:
    print("error:", error)
try:
    g.throw(KeyboardInterrupt)      # ends it: the interpreter would close it once more
except KeyboardInterrupt:
    pass

print("-- finally")
g = tidy_grep("python")
g.send("python generators rock!")
g.close()
g = tidy_grep("python")
try:
    g.throw(RuntimeError("You're hosed!"))
except RuntimeError as error:
    print("error:", error)
