"""Makes system calls by number and prints what each came to, as one JSON object: name -> "0", an errno's name, or a signal's.

argv[1]: JSON, a list of {"name", "nr", "args", "forks"}; an argument is an integer, a string (its address is passed), or [n] (the address
of n zero octets). nr -1 is getpid of the 32-bit ABI. Where a call forks, 0 is the child's
answer, and the child ends. argv[2]: "fork" gives each attempt a process of its own, so that what it
changes goes with it; "here" makes them one after the other, where there is no fork to be had.
"""
import ctypes, errno, json, mmap, os, signal, sys

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
I386_GETPID = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"


def foreign_abi():
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(I386_GETPID)
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    return "0"


def attempt(nr, args, forks):
    if nr == -1:
        return foreign_abi()
    values = []
    for each in args:
        if isinstance(each, str):
            values.append(ctypes.c_char_p(each.encode()))
        elif isinstance(each, list):
            values.append(ctypes.create_string_buffer(each[0]))
        else:
            values.append(ctypes.c_ulong(each & 0xFFFFFFFFFFFFFFFF))
    ctypes.set_errno(0)
    done = libc.syscall(ctypes.c_long(nr), *values)
    if forks and done == 0:
        os._exit(0)
    return "0" if done != -1 else errno.errorcode.get(ctypes.get_errno(), str(ctypes.get_errno()))


def apart(nr, args, forks):
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(there, attempt(nr, args, forks).encode())
        os._exit(0)
    os.close(there)
    said = os.read(here, 100).decode()
    os.close(here)
    _, status = os.waitpid(child, 0)
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else said


run = apart if sys.argv[2] == "fork" else attempt
print(json.dumps({each["name"]: run(each["nr"], each["args"], each["forks"]) for each in json.loads(sys.argv[1])}), flush=True)
os._exit(0)
