"""The rules `short` and `drop`, and the command `truncate`."""

import os

from harness import check, error_of


@check("the application sees a short write, and one byte at a time all is written")
def _(mount):
    file, other = mount.open("file"), mount.open("other")
    mount.rule("short 3 times 1 path /file")
    assert os.write(other, b"abcdefg") == 7
    assert os.write(file, b"ab") == 2       # not more than 3 bytes, so this call does not match
    assert os.write(file, b"cdefghi") == 3 and os.write(file, b"fghi") == 4
    mount.do("clear")
    mount.rule("short 1")
    data, written = b"0123456789", 0
    while written < len(data):
        count = os.write(file, data[written:])
        assert count == 1
        written += count
    assert mount.get("file") == b"abcdefghi0123456789"
    mount.rule("short 0")
    assert os.write(file, b"x") == 0


@check("dropped writes read back, fail the next fsync once, and are NULs then")
def _(mount):
    mount.put("log", b"first\nsecond\n")
    file = mount.open("log", os.O_RDWR | os.O_APPEND)
    reader = mount.open("log", os.O_RDONLY)
    mount.rule("drop EDQUOT path log")
    for index in range(3):
        assert os.write(file, b"lost %d\n" % index) == 7
    overwriting = mount.open("log", os.O_WRONLY)
    os.pwrite(overwriting, b"SECOND", 6)
    mount.do("clear")
    os.write(file, b"kept\n")
    os.pwrite(file, b"", 0)
    whole = b"first\nSECOND\nlost 0\nlost 1\nlost 2\nkept\n"
    assert os.fstat(file).st_size == len(whole) == os.stat(mount.below("log")).st_size
    assert os.pread(reader, 100, 0) == whole and open(mount.at("log"), "rb").read() == whole
    assert mount.get("log") == b"first\nsecond\n" + bytes(21) + b"kept\n"
    mount.close(overwriting)
    assert error_of(os.fsync, reader) == "EDQUOT" and error_of(os.fsync, file) is None
    left = b"first\n" + bytes(6) + b"\n" + bytes(21) + b"kept\n"
    assert mount.get("log") == left and os.pread(reader, 100, 0) == left and os.pread(file, 100, 0) == left
    assert mount.count("write") == (5, 4) and mount.count("fsync") == (2, 1)


@check("dropped writes can be told by close; writing or truncating again puts things right")
def _(mount):
    file = mount.open("file")
    mount.rule("drop at flush times 2")
    os.write(file, b"abcdefgh")
    os.write(file, b"ijklmnop")
    assert error_of(os.fsync, file) is None and os.pread(file, 100, 0) == b"abcdefghijklmnop"
    os.pwrite(file, b"XY", 3)       # this write is not dropped
    os.ftruncate(file, 10)
    os.pwrite(file, b"end", 13)
    assert os.pread(file, 100, 0) == b"abcXYfghij" + bytes(3) + b"end"
    assert error_of(os.close, os.dup(file)) == "EIO" and error_of(os.close, os.dup(file)) is None
    assert mount.get("file") == bytes(3) + b"XY" + bytes(8) + b"end"
    mount.do("clear")
    # The pending error outlives the handle: the next fsync comes from another handle.
    mount.rule("drop at fsync,flush ESTALE path second")
    second = mount.open("second")
    os.write(second, b"0123")
    assert error_of(os.close, second) == "ESTALE"
    mount.files.remove(second)
    assert mount.get("second") == bytes(4)
    mount.do("clear")
    mount.rule("drop EIO")
    third = mount.open("third")
    for _ in range(500):
        os.write(third, b"a line of a log\n")
    mount.close(third)
    third = mount.open("third")
    assert os.pread(third, 10000, 0) == b"a line of a log\n" * 500
    os.unlink(mount.at("third"))
    assert error_of(os.fsync, third) == "EIO" and os.pread(third, 10000, 0) == bytes(8000)
    assert mount.do("clear") == "1"
    # Dropped data whose error no call has asked for is lost when the program ends.
    mount.rule("drop")
    os.write(mount.open("fourth"), b"x" * 100000)


@check("a silent truncation shows in the size and to the next reader; O_APPEND goes on at the new end")
def _(mount):
    mount.put("a file", b"0123456789")
    file = mount.open("a file", os.O_RDWR | os.O_APPEND)
    assert os.read(file, 100) == b"0123456789"
    mount.do("truncate /a file 4")
    assert mount.get("a file") == b"0123" and os.fstat(file).st_size == 4
    mount.do("truncate a file 2")
    os.write(file, b"next")
    assert mount.get("a file") == b"01next"
    plain = mount.open("plain")
    os.write(plain, b"0123456789")
    mount.do("truncate plain 0")
    os.write(plain, b"x")            # at this descriptor's old offset, so NULs come before it
    assert mount.get("plain") == bytes(10) + b"x"
    assert mount.connection.ask("truncate none 0").startswith("error No such file")
