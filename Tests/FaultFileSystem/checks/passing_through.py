"""Without rules, all operations pass through to the backing directory."""

import os, subprocess, threading

from harness import check, error_of, fallocate, rename


@check("files, directories, links and attributes pass through")
def _(mount):
    os.mkdir(mount.at("a"), 0o750)
    with open(mount.at("a/file"), "w") as file:
        file.write("text")
    assert mount.get("a/file") == b"text"
    os.chmod(mount.at("a/file"), 0o4711)
    os.chown(mount.at("a"), os.getuid(), os.getgid())
    os.utime(mount.at("a/file"), ns=(1_000_000_001, 2_000_000_002))
    os.symlink("a/file", mount.at("symlink"))
    os.utime(mount.at("symlink"), ns=(1, 2), follow_symlinks=False)
    os.link(mount.at("a/file"), mount.at("hard"))
    os.mkfifo(mount.at("fifo"))
    os.truncate(mount.at("a/file"), 2)
    for name in ("", "a", "a/file", "symlink", "hard", "fifo"):
        above, below = os.lstat(mount.at(name)), os.lstat(mount.below(name))
        for field in ("st_mode", "st_ino", "st_nlink", "st_uid", "st_gid", "st_size", "st_mtime_ns"):
            assert getattr(above, field) == getattr(below, field), (name, field)
    assert os.readlink(mount.at("symlink")) == "a/file"
    assert open(mount.at("symlink")).read() == "te"
    assert os.access(mount.at("a"), os.X_OK)
    os.rename(mount.at("a"), mount.at("b"))
    os.unlink(mount.at("b/file"))
    os.rmdir(mount.at("b"))
    assert sorted(os.listdir(mount.backing)) == ["fifo", "hard", "symlink"]
    assert error_of(os.stat, mount.at("b")) == "ENOENT"
    above, below = os.statvfs(mount.point), os.statvfs(mount.backing)
    assert (above.f_blocks, above.f_namemax) == (below.f_blocks, below.f_namemax)
    kind = subprocess.run(["stat", "-f", "-c", "%t", mount.point], capture_output=True, text=True).stdout
    assert kind == "65735546\n"


@check("a large directory is listed whole, with inode numbers")
def _(mount):
    names = {f"a-name-that-is-not-short-{index}" for index in range(2000)}
    for name in names:
        mount.put(name)
    with os.scandir(mount.point) as entries:
        listed = {entry.name: entry.inode() for entry in entries}
    assert set(listed) == names
    assert all(os.stat(mount.below(name)).st_ino == listed[name] for name in list(names)[:50])


@check("what changes below shows at once, also to those who have the file open")
def _(mount):
    mount.put("log", b"one\n")
    reader, writer = mount.open("log", os.O_RDONLY), mount.open("log", os.O_WRONLY | os.O_APPEND)
    assert os.read(reader, 100) == b"one\n"
    os.write(writer, b"two\n")
    assert os.read(reader, 100) == b"two\n"
    with open(mount.below("log"), "a") as file:
        file.write("three\n")
    assert os.stat(mount.at("log")).st_size == 14 and os.read(reader, 100) == b"three\n"
    mount.put("other")
    os.rename(mount.below("other"), mount.below("log"))
    assert open(mount.at("log")).read() == "data"


@check("programs run from it, and files can be mapped")
def _(mount):
    import mmap, shutil
    shutil.copy("/bin/echo", mount.at("echo"))
    command = [mount.at("echo"), "it runs"]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "it runs\n"
    os.chmod(mount.at("echo"), 0o644)
    assert error_of(subprocess.run, command) == "EACCES"
    with mmap.mmap(mount.open("echo", os.O_RDONLY), 4, mmap.MAP_SHARED, mmap.PROT_READ) as mapped:
        assert mapped[1:4] == b"ELF"


@check("of many who create with O_EXCL, one succeeds")
def _(mount):
    for turn in range(20):
        name = mount.at(f"lock{turn}")
        barrier, results = threading.Barrier(8), []

        def make():
            barrier.wait()
            results.append(error_of(lambda: os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))))

        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results, key=str) == ["EEXIST"] * 7 + [None], results


@check("rename with RENAME_NOREPLACE and RENAME_EXCHANGE; rules follow renamed files")
def _(mount):
    mount.put("a", b"a")
    mount.put("b", b"b")
    assert error_of(rename, mount.at("a"), mount.at("b"), 1) == "EEXIST"
    rename(mount.at("a"), mount.at("b"), 2)
    assert (mount.get("a"), mount.get("b")) == (b"b", b"a")
    os.mkdir(mount.at("old"))
    mount.put("old/file")
    directory = mount.open("old", os.O_RDONLY)
    os.stat(mount.at("old/file"))
    os.rename(mount.at("old"), mount.at("new"))
    mount.rule("fail open EPERM path /new/file")
    assert error_of(lambda: os.open("file", os.O_RDONLY, dir_fd=directory)) == "EPERM"


@check("an open file that was unlinked or replaced stays usable")
def _(mount):
    file = mount.open("file")
    number = os.fstat(file).st_ino
    os.unlink(mount.at("file"))
    os.write(file, b"still here")
    os.fsync(file)
    os.ftruncate(file, 5)
    os.fchmod(file, 0o600)
    status = os.fstat(file)
    assert (status.st_nlink, status.st_size, status.st_ino, status.st_mode & 0o777) == (0, 5, number, 0o600)
    assert os.pread(file, 100, 0) == b"still" and os.listdir(mount.backing) == []
    os.close(os.open(f"/proc/self/fd/{file}", os.O_RDONLY))
    replaced = mount.open("target")
    mount.put("source")
    os.rename(mount.at("source"), mount.at("target"))
    assert os.fstat(replaced).st_nlink == 0 and os.stat(mount.at("target")).st_nlink == 1
    assert os.listdir(mount.backing) == ["target"]


@check("fallocate, also to punch a hole")
def _(mount):
    file = mount.open("file")
    fallocate(file, 0, 0, 20000)
    assert os.fstat(file).st_size == 20000
    os.pwrite(file, b"x" * 20000, 0)
    fallocate(file, 1 | 2, 4096, 8192)   # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
    assert mount.get("file") == b"x" * 4096 + bytes(8192) + b"x" * (20000 - 12288)
