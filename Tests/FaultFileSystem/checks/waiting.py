"""The rules `hang` and `slow`."""

import os, signal, subprocess, sys, time

from harness import check, error_of, in_background, wait_until


@check("40 calls that hang hold up nobody else; release lets them go, and they are done")
def _(mount):
    files = [mount.open(f"file{index}") for index in range(40)]
    mount.rule("hang write path /file")
    hanging = [in_background(os.write, file, b"x") for file in files]
    wait_until(lambda: mount.count("hung") == 40, "all hang")
    with open(mount.at("another"), "w") as file:
        file.write("text")
        os.fsync(file.fileno())
    assert open(mount.at("another")).read() == "text" and os.fstat(files[0]).st_size == 0
    assert mount.count("hung") == 40 and mount.count("write") == (41, 0)
    assert mount.do("release") == "1"
    for thread, result in hanging:
        thread.join()
        assert result == [1]
    assert mount.count("hung") == 0 and os.write(files[0], b"x") == 1


@check("lookups that hang hold up nothing in their directory")
def _(mount):
    mount.put("known")
    os.stat(mount.at("known"))
    mount.rule("hang lookup path /hanging")
    hanging = [in_background(os.stat, mount.at(f"hanging{index}")) for index in range(3)]
    wait_until(lambda: mount.count("hung") == 3, "all hang")
    assert error_of(os.stat, mount.at("new")) == "ENOENT" and open(mount.at("known")).read() == "data"
    assert os.listdir(mount.point) == ["known"]
    mount.do("release")
    for thread, result in hanging:
        thread.join()
        assert result == ["ENOENT"]


@check("releases that hang in the background hold up nobody else")
def _(mount):
    mount.rule("hang release path closed")
    for index in range(30):
        mount.close(mount.open(f"closed{index}"))
    wait_until(lambda: mount.count("hung") == 30, "all hang")
    mount.put("file", b"x" * 300000)
    assert len(open(mount.at("file"), "rb").read()) == 300000
    mount.do("release")
    wait_until(lambda: mount.count("hung") == 0, "none hangs")


@check("one rule's hung calls are let go alone; a rule made meanwhile makes them fail; for ends a hang")
def _(mount):
    file, other = mount.open("file"), mount.open("other")
    third = mount.open("third with other in its name")
    _, two = mount.rule("hang fsync path file"), mount.rule("hang fsync times 1 path other")
    first, second = in_background(os.fsync, file), in_background(os.fsync, other)
    wait_until(lambda: mount.count("hung") == 2, "both hang")
    os.fsync(third)     # not the fsync of `other`: the kernel would make it wait for the one that hangs
    mount.rule("fail fsync ETIMEDOUT path file")
    mount.do("clear " + two)
    second[0].join()
    assert second[1] == [None] and mount.count("hung") == 1 and first[1] == []
    assert mount.do("release") == "1"
    first[0].join()
    assert first[1] == ["ETIMEDOUT"]
    mount.do("clear")
    mount.rule("hang write for 0.3")
    begin = time.monotonic()
    os.write(file, b"x")
    assert time.monotonic() - begin >= 0.3


def hanging_process(mount):
    code = "import os, sys; os.fsync(os.open(sys.argv[1], os.O_RDWR))"
    process = subprocess.Popen([sys.executable, "-c", code, mount.at("file")])
    wait_until(lambda: mount.count("hung") == 1, "it hangs")
    return process


@check("a caller that hangs cannot be killed, unless the rule says killable")
def _(mount):
    mount.put("file")
    mount.rule("hang fsync")
    process = hanging_process(mount)
    process.kill()
    try:
        process.wait(0.2)
        raise AssertionError("it has died")
    except subprocess.TimeoutExpired:
        pass
    mount.do("release")
    assert process.wait(10) == -signal.SIGKILL
    mount.rule("hang fsync killable")
    process = hanging_process(mount)
    process.send_signal(signal.SIGCHLD)     # a signal that does not kill
    process.kill()
    assert process.wait(10) == -signal.SIGKILL
    wait_until(lambda: mount.count("hung") == 0, "none hangs")
    # Also if a process exits while one of its threads hangs.
    code = ("import os, sys, threading\n"
            "def sync():\n"
            "    os.fsync(os.open(sys.argv[1], os.O_RDWR))\n"
            "threading.Thread(target=sync, daemon=True).start()\n"
            "sys.stdin.read()\n"
            "os._exit(7)")
    process = subprocess.Popen([sys.executable, "-c", code, mount.at("file")], stdin=subprocess.PIPE)
    wait_until(lambda: mount.count("hung") == 1, "it hangs")
    process.stdin.close()
    assert process.wait(10) == 7


@check("slow calls take their time, others do not wait for them, clear ends it")
def _(mount):
    file = mount.open("file")
    mount.rule("slow write,fsync 150 path file")
    begin = time.monotonic()
    os.write(file, b"x")
    os.fsync(file)
    assert time.monotonic() - begin >= 0.3
    mount.do("clear")
    mount.rule("slow write 1000000")
    thread, result = in_background(os.write, file, b"x")
    wait_until(lambda: mount.count("write")[0] == 2, "the write has come")
    os.stat(mount.at("file"))
    mount.do("clear")
    thread.join()
    assert result == [1]
