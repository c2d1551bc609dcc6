"""An answer is given twice: a bare yield returns that of the last system call."""

from course_os import GetTid, boot


def main():
    print("GetTid gave", (yield GetTid()))
    print("a bare yield gave", (yield))


boot(main())
