"""A broadcast to three greps, which all send to one printer."""

from course_coroutine import coroutine


@coroutine
def printer():
    while True:
        line = yield
        print(line)


@coroutine
def grep(pattern, target):
    while True:
        line = yield
        if pattern in line:
            target.send(line)


@coroutine
def broadcast(targets):
    while True:
        item = yield
        for target in targets:
            target.send(item)


p = printer()
source = broadcast([grep("python", p), grep("ply", p), grep("swig", p)])
for line in [
    "python is a language",
    "ply parses, written in python",
    "swig wraps C",
    "nothing here",
    "python calls what swig has wrapped, and what ply has parsed",
]:
    source.send(line)
