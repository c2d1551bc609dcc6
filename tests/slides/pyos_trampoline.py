"""A trampoline by hand: the subroutine is yielded to the code that runs its caller."""


def add(x, y):
    yield x + y


def main():
    r = yield add(2, 2)
    print(r)
    yield


m = main()
sub = next(m)
result = next(sub)
m.send(result)
