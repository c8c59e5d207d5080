"""Mounts file systems for the checks, and runs the checks."""

import ctypes, errno, os, signal, socket, subprocess, sys, tempfile, threading, time, traceback

PROGRAM, DIRECTORY = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
failures = 0
libc.prctl(36, 1)   # PR_SET_CHILD_SUBREAPER: adopts the children of the children that are killed below
signal.alarm(60)   # in case something hangs that should not: the file systems end with this process


def start(*arguments, **more):
    process = subprocess.Popen([PROGRAM, *arguments], text=True, **more)
    with open(DIRECTORY + "/started", "a") as file:
        print(process.pid, file=file)
    return process


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r")

    def ask(self, command):
        self.socket.sendall(command.encode() + b"\n")
        return self.lines.readline().rstrip("\n")

    def close(self):
        self.lines.close()
        self.socket.close()


class Mount:
    """A mounted file system. at() is a path in it, below() the one of the backing directory."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(dir=DIRECTORY)
        self.backing, self.point = self.directory + "/backing", self.directory + "/mount"
        self.socket = self.directory + "/control"
        os.mkdir(self.backing)
        os.mkdir(self.point)
        self.process = start(self.backing, self.point, self.socket,
                             stdout=subprocess.PIPE, stderr=open(self.directory + "/errors", "w"))
        assert self.process.stdout.readline() == "ready\n"
        self.connection = Connection(self.socket)
        self.files = []

    def at(self, name):
        return f"{self.point}/{name}"

    def below(self, name):
        return f"{self.backing}/{name}"

    def rule(self, command):
        answer = self.connection.ask(command)
        assert answer.startswith("ok "), (command, answer)
        return answer[3:]

    def do(self, command):
        answer = self.connection.ask(command)
        assert answer.split()[0] == "ok", (command, answer)
        return answer[3:]

    def count(self, name):
        word = dict(pair.split("=") for pair in self.do("count").split())[name]
        return int(word) if name == "hung" else tuple(map(int, word.split("/")))

    def open(self, name, flags=os.O_RDWR | os.O_CREAT):
        file = os.open(self.at(name), flags, 0o644)
        self.files.append(file)
        return file

    def close(self, file):
        self.files.remove(file)
        os.close(file)

    def put(self, name, data=b"data"):
        with open(self.below(name), "wb") as file:
            file.write(data)

    def get(self, name):
        with open(self.below(name), "rb") as file:
            return file.read()

    def is_mounted(self):
        with open("/proc/self/mounts") as mounts:
            return f" {self.point} " in mounts.read()

    def end(self):
        self.connection.close()
        self.process.terminate()
        status = self.process.wait(20)
        for file in self.files:
            try:
                os.close(file)
            except OSError:
                pass
        self.process.stdout.close()
        with open(self.directory + "/errors") as errors:
            text = errors.read()
        assert status == 0 and not self.is_mounted() and not os.path.exists(self.socket), (status, text)
        return text


def error_of(action, *arguments):
    """The name of the errno with which it fails, or None."""
    try:
        action(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return None


def rename(old, new, flags):
    if libc.renameat2(-100, old.encode(), -100, new.encode(), flags) == -1:
        raise OSError(ctypes.get_errno(), "renameat2")


def access(path):
    if libc.access(path.encode(), os.R_OK) == -1:
        raise OSError(ctypes.get_errno(), "access")


def fallocate(file, mode, start, length):
    if libc.fallocate(file, mode, ctypes.c_long(start), ctypes.c_long(length)) == -1:
        raise OSError(ctypes.get_errno(), "fallocate")


def wait_until(condition, what):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.005)


def in_background(action, *arguments):
    """Runs it in a thread. The list that is returned holds the thread and, later, the result."""
    result = []

    def run():
        try:
            result.append(action(*arguments))
        except OSError as error:
            result.append(errno.errorcode[error.errno])

    thread = threading.Thread(target=run)
    thread.start()
    return thread, result


def check(what):
    def run(function):
        global failures
        mount = None
        try:
            mount = Mount()
            function(mount)
            mount, ended = None, mount
            text = ended.end()
            assert not any(word in text for word in ("Sanitizer", "runtime error")), text
            print("ok    " + what, flush=True)
        except BaseException:
            failures += 1
            print("FAIL  " + what, flush=True)
            traceback.print_exc()
            if mount:
                try:
                    mount.end()
                except BaseException:
                    traceback.print_exc()
                    mount.process.kill()
                    subprocess.run(["umount", "-l", mount.point])
    return run
