"""Buses in an XML document: a parser pushes events to coroutines that build, filter and print them."""

import xml.sax

from course_coroutine import coroutine

DOCUMENT = b"""<?xml version="1.0"?>
<buses>
  <bus>
    <id>7574</id>
    <route>147</route>
    <direction>North Bound</direction>
    <latitude>41.925682</latitude>
    <longitude>-87.630928</longitude>
  </bus>
  <bus>
    <id>1485</id>
    <route>22</route>
    <direction>North Bound</direction>
    <latitude>41.880481</latitude>
    <longitude>-87.629482</longitude>
  </bus>
  <bus>
    <id>6140</id>
    <route>22</route>
    <direction>South Bound</direction>
    <latitude>41.900150</latitude>
    <longitude>-87.631247</longitude>
  </bus>
  <bus>
    <id>1629</id>
    <route>22</route>
    <direction>North Bound</direction>
    <latitude>42.012781</latitude>
    <longitude>-87.674613</longitude>
  </bus>
</buses>
"""


class EventHandler(xml.sax.ContentHandler):
    def __init__(self, target):
        super().__init__()
        self.target = target

    def startElement(self, name, attrs):
        self.target.send(("start", name))

    def characters(self, text):
        self.target.send(("text", text))

    def endElement(self, name):
        self.target.send(("end", name))


@coroutine
def buses_to_dicts(target):
    while True:
        event, value = yield
        if event == "start" and value == "bus":
            busdict = {}
            fragments = []
            while True:
                event, value = yield
                if event == "start":
                    fragments = []
                elif event == "text":
                    fragments.append(value)
                elif value != "bus":
                    busdict[value] = "".join(fragments)
                else:
                    target.send(busdict)
                    break


@coroutine
def filter_on_field(fieldname, value, target):
    while True:
        d = yield
        if d.get(fieldname) == value:
            target.send(d)


@coroutine
def bus_locations():
    while True:
        bus = yield
        print('%(route)s,%(id)s,"%(direction)s",%(latitude)s,%(longitude)s' % bus, flush=True)


def north_on_22():
    return filter_on_field("route", "22", filter_on_field("direction", "North Bound", bus_locations()))


if __name__ == "__main__":
    xml.sax.parseString(DOCUMENT, EventHandler(buses_to_dicts(north_on_22())))
