"""The buses, with the end of the pipeline in a process of its own, which reads them from a pipe."""

import pickle
import subprocess
import sys
import xml.sax

from course_buses import DOCUMENT, EventHandler, buses_to_dicts, north_on_22
from course_coroutine import coroutine


@coroutine
def sendto(f):
    try:
        while True:
            item = yield
            pickle.dump(item, f)
            f.flush()
    except GeneratorExit:
        f.close()


def recvfrom(f, target):
    try:
        while True:
            target.send(pickle.load(f))
    except EOFError:
        target.close()


if sys.argv[1:] == ["child"]:
    recvfrom(sys.stdin.buffer, north_on_22())
else:
    child = subprocess.Popen([sys.executable, __file__, "child"], stdin=subprocess.PIPE)
    pipe = sendto(child.stdin)
    xml.sax.parseString(DOCUMENT, EventHandler(buses_to_dicts(pipe)))
    pipe.close()
    child.wait()
