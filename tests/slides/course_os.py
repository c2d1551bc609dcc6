"""The operating system of the course, as of pyos8; its sockets (pyos7) are left out.

Two things differ. The main loop of the course waits forever if no task is ready but some exist; here it gives up after a
second, and prints what exists. And `mainloop_without_exit` is that of pyos2.
"""

import types
from queue import Empty, Queue


class Task:
    taskid = 0

    def __init__(self, target):
        Task.taskid += 1
        self.tid = Task.taskid
        self.target = target
        self.sendval = None
        self.stack = []

    def run(self):
        while True:
            try:
                result = self.target.send(self.sendval)
                if isinstance(result, SystemCall):
                    return result
                if isinstance(result, types.GeneratorType):
                    self.stack.append(self.target)
                    self.sendval = None
                    self.target = result
                else:
                    if not self.stack:
                        return None
                    self.sendval = result
                    self.target = self.stack.pop()
            except StopIteration:
                if not self.stack:
                    raise
                self.sendval = None
                self.target = self.stack.pop()


class Scheduler:
    def __init__(self):
        self.ready = Queue()
        self.taskmap = {}
        self.exit_waiting = {}

    def new(self, target):
        newtask = Task(target)
        self.taskmap[newtask.tid] = newtask
        self.schedule(newtask)
        return newtask.tid

    def exit(self, task):
        print(f"Task {task.tid} terminated")
        del self.taskmap[task.tid]
        for waiting in self.exit_waiting.pop(task.tid, []):
            self.schedule(waiting)

    def waitforexit(self, task, waittid):
        if waittid not in self.taskmap:
            return False
        self.exit_waiting.setdefault(waittid, []).append(task)
        return True

    def schedule(self, task):
        self.ready.put(task)

    def mainloop_without_exit(self):
        while self.taskmap:
            task = self.ready.get()
            task.run()
            self.schedule(task)

    def mainloop(self):
        while self.taskmap:
            try:
                task = self.ready.get(timeout=1)
            except Empty:
                return self.give_up()
            try:
                result = task.run()
                if isinstance(result, SystemCall):
                    result.task = task
                    result.sched = self
                    result.handle()
                    continue
            except StopIteration:
                self.exit(task)
                continue
            self.schedule(task)

    def give_up(self):
        waiting = sorted((tid, [task.tid for task in tasks]) for tid, tasks in self.exit_waiting.items())
        ready = [task.tid for task in self.ready.queue]
        print("nobody is ready, and the main loop waits for ever")
        print(f"taskmap {sorted(self.taskmap)}, ready {ready}, exit_waiting {dict(waiting)}")


class SystemCall:
    def handle(self):
        pass


class GetTid(SystemCall):
    def handle(self):
        self.task.sendval = self.task.tid
        self.sched.schedule(self.task)


class NewTask(SystemCall):
    def __init__(self, target):
        self.target = target

    def handle(self):
        self.task.sendval = self.sched.new(self.target)
        self.sched.schedule(self.task)


class KillTask(SystemCall):
    def __init__(self, tid):
        self.tid = tid

    def handle(self):
        task = self.sched.taskmap.get(self.tid)
        if task:
            task.target.close()
        self.task.sendval = task is not None
        self.sched.schedule(self.task)


class WaitTask(SystemCall):
    def __init__(self, tid):
        self.tid = tid

    def handle(self):
        result = self.sched.waitforexit(self.task, self.tid)
        self.task.sendval = result
        if not result:
            self.sched.schedule(self.task)


def boot(*targets):
    """Runs a scheduler with these tasks."""
    sched = Scheduler()
    for target in targets:
        sched.new(target)
    sched.mainloop()
