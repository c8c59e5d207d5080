"""The rule `fail`, and the clauses that choose its calls."""

import os, time

from harness import access, check, error_of, fallocate, wait_until


@check("each operation fails as told")
def _(mount):
    mount.put("file")
    os.mkdir(mount.below("directory"))
    os.symlink("file", mount.below("link"))
    file, directory = mount.open("file"), mount.open("directory", os.O_RDONLY)
    at = mount.at
    actions = {
        "lookup": lambda: os.stat(at("file")), "stat": lambda: os.fstat(file),
        "access": lambda: access(at("file")), "readlink": lambda: os.readlink(at("link")),
        "statfs": lambda: os.statvfs(at("file")), "open": lambda: os.open(at("file"), os.O_RDONLY),
        "create": lambda: os.open(at("new"), os.O_CREAT | os.O_WRONLY), "read": lambda: os.read(file, 1),
        "write": lambda: os.write(file, b"x"), "fsync": lambda: os.fsync(file),
        "flush": lambda: os.close(os.dup(file)), "fallocate": lambda: fallocate(file, 0, 0, 1),
        "truncate": lambda: os.ftruncate(file, 1), "chmod": lambda: os.chmod(at("file"), 0o600),
        "chown": lambda: os.chown(at("file"), -1, os.getgid()), "utimens": lambda: os.utime(at("file")),
        "rename": lambda: os.rename(at("file"), at("new")), "link": lambda: os.link(at("file"), at("new")),
        "symlink": lambda: os.symlink("a", at("new")), "unlink": lambda: os.unlink(at("file")),
        "mknod": lambda: os.mkfifo(at("new")), "mkdir": lambda: os.mkdir(at("new")),
        "rmdir": lambda: os.rmdir(at("directory")), "opendir": lambda: os.listdir(at("directory")),
        "readdir": lambda: os.listdir(at("directory")), "fsyncdir": lambda: os.fsync(directory),
        "getattr": lambda: os.stat(at("file")), "setattr": lambda: os.truncate(at("file"), 1),
        "any": lambda: os.stat(at("file")),
    }
    for operation, action in actions.items():
        number = mount.rule(f"fail {operation} EKEYREVOKED")
        assert error_of(action) == "EKEYREVOKED", operation
        mount.do("clear " + number)
    assert sorted(os.listdir(mount.backing)) == ["directory", "file", "link"] and mount.get("file") == b"data"
    # The only operations whose failure the caller never sees.
    mount.rule("fail release,releasedir EIO")
    mount.close(directory)
    mount.close(file)
    wait_until(lambda: mount.count("release")[1] == mount.count("releasedir")[1] == 1, "all is released")


@check("errnos come through a write, an fsync and a close as they are")
def _(mount):
    file = mount.open("file")
    for name in ("EACCES EKEYEXPIRED ESTALE ENOSPC EDQUOT EFBIG EROFS EIO ETIMEDOUT EHOSTDOWN ENETUNREACH "
                 "EPERM EKEYREVOKED EKEYREJECTED ENOKEY EBADF ENOENT EINVAL ENAMETOOLONG ENOTDIR EAGAIN "
                 "122").split():
        mount.rule("fail write,fsync,flush " + name)
        expected = "EDQUOT" if name == "122" else name
        for action in (lambda: os.write(file, b"x"), lambda: os.fsync(file), lambda: os.close(os.dup(file))):
            assert error_of(action) == expected, name
        mount.do("clear")
    mount.rule("fail write EINTR times 3")
    assert os.write(file, b"x") == 1 and mount.count("write")[0] >= 4   # Python repeats it


@check("after, times, for and path choose the calls")
def _(mount):
    file, other = mount.open("file"), mount.open("other file")
    one = mount.rule("fail write ENOSPC after 2 times 3")
    results = [error_of(os.write, file, b"x") for _ in range(7)]
    assert results == [None] * 2 + ["ENOSPC"] * 3 + [None] * 2
    assert mount.do("count " + one) == "seen=7 applied=3"
    mount.do("clear")
    mount.rule("fail write,fsync EIO path /other f")
    assert error_of(os.write, file, b"x") is None and error_of(os.write, other, b"x") == "EIO"
    assert error_of(os.fsync, file) is None and error_of(os.fsync, other) == "EIO"
    mount.do("clear")
    mount.rule("fail rename EXDEV path target")
    assert error_of(os.rename, mount.at("file"), mount.at("target")) == "EXDEV"
    assert error_of(os.rename, mount.at("file"), mount.at("elsewhere")) is None
    mount.put("target")
    assert error_of(os.rename, mount.at("target"), mount.at("file")) == "EXDEV"
    mount.do("clear")
    # fault-fs still knows the open file by its old name.
    mount.rule("fail write EIO path /file")
    assert error_of(os.write, file, b"x") == "EIO"
    mount.do("clear")
    mount.rule("fail write EIO for 0.3")
    begin = time.monotonic()
    assert error_of(os.write, file, b"x") == "EIO"
    wait_until(lambda: error_of(os.write, file, b"x") is None, "the rule has expired")
    assert time.monotonic() - begin >= 0.3
    mount.rule("fail write EDQUOT times 1")
    mount.rule("fail write EROFS times 1")
    assert [error_of(os.write, file, b"x") for _ in range(3)] == ["EDQUOT", "EROFS", None]
