"""The buses, with the end of the pipeline on a thread of its own."""

import xml.sax
from queue import Queue
from threading import Thread

from course_buses import DOCUMENT, EventHandler, buses_to_dicts, north_on_22
from course_coroutine import coroutine


@coroutine
def threaded(target):
    messages = Queue()

    def run_target():
        while True:
            item = messages.get()
            if item is GeneratorExit:
                target.close()
                return
            target.send(item)

    thread = Thread(target=run_target)
    thread.start()
    try:
        while True:
            item = yield
            messages.put(item)
    except GeneratorExit:
        messages.put(GeneratorExit)
        thread.join()


source = buses_to_dicts(threaded(north_on_22()))
xml.sax.parseString(DOCUMENT, EventHandler(source))
source.close()
