"""The control socket: commands, answers, counts and the log."""

import os, threading

from harness import Connection, check, error_of, in_background


@check("counts, several connections, many commands at once, and errors for what is not understood")
def _(mount):
    os.write(mount.open("file"), b"x")
    assert mount.count("write") == (1, 0) and mount.count("create") == (1, 0)
    mount.do("count reset")
    assert mount.count("write") == (0, 0)
    other = Connection(mount.socket)
    assert other.ask("fail write EIO") == "ok 1" and mount.rule("fail write EIO  \r") == "2"
    other.socket.sendall(b"clear 1\ncount 1\ncount 2\nclear\nclear\n")
    answers = [other.lines.readline() for _ in range(5)]
    assert answers == ["ok 1\n", "error there is no such rule\n", "ok seen=0 applied=0\n", "ok 1\n", "ok 0\n"]
    for command in ("", "frobnicate", "fail", "fail write", "fail write EFOO", "fail write 0",
                    "fail write 512", "fail write ENOSYS", "fail wrote EIO", "fail write, EIO",
                    "fail write EIO times", "fail write EIO times x", "fail write EIO for -1",
                    "fail write EIO for nan", "fail write EIO path", "fail write EIO killable",
                    "fail write EIO sometimes 3", "hang", "slow write", "slow write 1s", "short",
                    "short -1", "short 99999999999999999999999", "drop at", "drop at open", "drop EFOO",
                    "drop x", "clear x", "clear 77", "release 77", "count 77", "count x", "log",
                    "truncate", "truncate x", "truncate x -1", "x" * 3000):
        answer = other.ask(command)
        assert answer.startswith("error "), (command, answer)
    other.socket.sendall(b"x" * 10000)      # no line may be that long: the connection is closed
    try:
        assert other.lines.readline() == ""
    except ConnectionResetError:
        pass
    other.close()
    for _ in range(200):
        short = Connection(mount.socket)
        assert short.ask("count").startswith("ok lookup=")
        short.close()
    assert mount.do("count").endswith("hung=0")


@check("log tells calls and what rules did to them")
def _(mount):
    mount.do("log on")
    number = mount.rule("fail mkdir EROFS")
    assert error_of(os.mkdir, mount.at("a b")) == "EROFS"
    mount.do("log off")
    mount.do("clear")
    os.mkdir(mount.at("later"))
    with open(mount.directory + "/errors") as errors:
        text = errors.read()
    assert f" mkdir /a b: failed by rule {number}, EROFS\n" in text and "later" not in text


@check("many threads, rules coming and going: nothing is lost")
def _(mount):
    stop = threading.Event()

    def work(name):
        directory = mount.at(name)
        os.mkdir(directory)
        for turn in range(60):
            with open(f"{directory}/temporary", "wb", 0) as file:
                for index in range(5):
                    while error_of(file.write, b"%d\n" % index):
                        pass
            while error_of(os.rename, f"{directory}/temporary", f"{directory}/final"):
                pass
            assert open(f"{directory}/final").read() == "0\n1\n2\n3\n4\n"
            os.link(f"{directory}/final", f"{directory}/{turn}")
        os.rename(directory, directory + "-done")
        return len(os.listdir(directory + "-done"))

    def disturb():
        connection = Connection(mount.socket)
        while not stop.is_set():
            for command in ("fail write EIO times 3", "slow rename 1 times 2", "hang stat for 0.002 times 2",
                            "fail rename ENOSPC times 2 path final", "count", "truncate nothing 0",
                            "release", "clear"):
                connection.ask(command)
        connection.close()

    disturber = threading.Thread(target=disturb)
    disturber.start()
    workers = [in_background(work, f"worker{index}") for index in range(6)]
    for thread, _ in workers:
        thread.join()
    stop.set()
    disturber.join()
    assert [result for _, result in workers] == [[61]] * 6, workers
