"""A send in a cycle reaches a coroutine that is running: an error."""

from course_coroutine import coroutine

players = {}


@coroutine
def player(name, other):
    while True:
        ball = yield
        print(name, "passes", ball)
        try:
            players[other].send(ball)
        except ValueError as error:
            print(f"{name}: {error}")


players["ping"] = player("ping", "pong")
players["pong"] = player("pong", "ping")
players["ping"].send("ball 1")
players["pong"].send("ball 2")


def impatient():
    try:
        next(this)
    except ValueError as error:
        yield f"impatient: {error}"


this = impatient()
print(next(this))
