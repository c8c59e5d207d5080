"""The end of the file system, and its command line."""

import os, signal, subprocess, sys, tempfile, time

from harness import Connection, DIRECTORY, PROGRAM, check, in_background, wait_until


@check("SIGTERM ends it while calls hang, and they are done")
def _(mount):
    file = mount.open("file")
    mount.rule("hang write")
    mount.rule("slow fsync 1000000")
    writing, syncing = in_background(os.write, file, b"x"), in_background(os.fsync, mount.open("other"))
    wait_until(lambda: mount.count("hung") == 1 and mount.count("fsync")[0] == 1, "both wait")
    mount.process.terminate()
    assert mount.process.wait(10) == 0 and not mount.is_mounted()
    for thread, result in (writing, syncing):
        thread.join()
        # The answer may come too late, when the connection is already closed.
        assert result in ([1], [None], ["ECONNABORTED"]), result
    assert mount.get("file") == b"x"


@check("fusermount3 -u -z unmounts it: it ends when the last file is closed")
def _(mount):
    file = mount.open("file")
    subprocess.run(["fusermount3", "-u", "-z", mount.point], check=True)
    assert not mount.is_mounted() and os.write(file, b"x") == 1 and mount.process.poll() is None
    mount.close(file)
    assert mount.process.wait(10) == 0


@check("umount -f aborts it while calls hang")
def _(mount):
    file = mount.open("file")
    mount.rule("hang write")
    thread, result = in_background(os.write, file, b"x")
    wait_until(lambda: mount.count("hung") == 1, "it hangs")
    subprocess.run(["umount", "-f", "-l", mount.point], check=True)
    thread.join()
    assert result == ["ECONNABORTED"] and mount.process.wait(10) == 0


@check("it ends with the process that has started it, not with the thread, and with --keep with neither")
def _(mount):
    for keep in (False, True):
        directory = tempfile.mkdtemp(dir=DIRECTORY)
        for name in ("backing", "mount"):
            os.mkdir(f"{directory}/{name}")
        code = ("import subprocess, sys, threading\n"
                "def start():\n"
                "    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)\n"
                "    process.stdout.readline()\n"
                "    print(process.pid, flush=True)\n"
                "thread = threading.Thread(target=start)\n"
                "thread.start()\n"
                "thread.join()\n"
                "sys.stdin.read()")
        command = [PROGRAM, *(["--keep"] if keep else []), *(f"{directory}/{name}" for name in
                                                             ("backing", "mount", "control"))]
        parent = subprocess.Popen([sys.executable, "-c", code, *command], text=True, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        child = int(parent.stdout.readline())
        with open(DIRECTORY + "/started", "a") as file:
            print(child, file=file)
        time.sleep(0.2)
        assert os.path.ismount(directory + "/mount")
        connection = Connection(directory + "/control")
        parent.kill()
        parent.wait()
        parent.stdin.close()
        parent.stdout.close()
        if keep:
            time.sleep(0.3)
            assert connection.ask("count reset") == "ok"
            os.kill(child, signal.SIGINT)
        wait_until(lambda: not os.path.ismount(directory + "/mount"), "it is unmounted")
        assert os.waitpid(child, 0) == (child, 0) and not os.path.exists(directory + "/control")
        connection.close()


@check("--help explains; bad arguments are refused")
def _(mount):
    def run(*arguments):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)

    assert "drop [at fsync|flush" in run("--help").stdout
    assert run().returncode == run("--what", "a", "b", "c").returncode == 2
    backing, point, control = mount.backing, mount.point, mount.directory + "/other"
    for bad in (("/none", point, control), (backing, "/none", control), (backing, point, "x" * 200),
                (backing, point, "/none/c")):
        result = run(*bad)
        assert result.returncode == 1 and result.stderr, (result, bad)
