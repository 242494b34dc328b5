"""What runs as the agent: it makes attempts to leave its pod and prints what each came to, {"id", "said"} a line.

run FILE: the attempts of a JSON file, one after the other; ends with 0.
relay FILE: the same, and then is the neighbour that passes on what it is asked to, over loopback, until SIGTERM.
watch: until SIGTERM, asks for an allowed host, for another, and past the proxy, over and over; ends with 0.

What is said is an errno's name, a signal's, or words of the attempt's own. Nothing here is let through because it was not tried:
an attempt that does not know what it is to do ends the program.
"""

import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

SO_BINDTODEVICE, SO_MARK, IP_TRANSPARENT, IPV6_TRANSPARENT, IP_HDRINCL, MSG_FASTOPEN = 25, 36, 19, 75, 3, 0x20000000
MPTCP, ROUTER, RELAY = 262, 20480, 15001
PROXY = ("127.0.0.1", 18080)
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def endpoint(address, port):
    if family_of(address) == socket.AF_INET:
        return (address, port)
    name, _, device = address.partition("%")
    return (name, port, 0, socket.if_nametoindex(device) if device else 0)


def prepared(sock, args):
    v6 = sock.family == socket.AF_INET6
    if "mark" in args:
        sock.setsockopt(socket.SOL_SOCKET, SO_MARK, args["mark"])
    if args.get("transparent"):
        sock.setsockopt(*((socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1) if v6 else (socket.IPPROTO_IP, IP_TRANSPARENT, 1)))
    if "device" in args:
        sock.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, args["device"].encode())
    if "bindPort" in args:
        sock.bind(endpoint("::" if v6 else "0.0.0.0", args["bindPort"]))
    return sock


def tcp(args):
    with socket.socket(family_of(args["to"]), socket.SOCK_STREAM, MPTCP if args.get("mptcp") else 0) as sock:
        sock.settimeout(args.get("wait", 0.5))
        prepared(sock, args)
        if args.get("fastopen"):  # the kernel sends what it still has after the close
            sock.setblocking(False)
            try:
                sock.sendto(args["marker"].encode(), MSG_FASTOPEN, endpoint(args["to"], args["port"]))
            except BlockingIOError:
                pass
            sock.close()
            time.sleep(0.1)
            return "closed"
        sock.connect(endpoint(args["to"], args["port"]))
        sock.sendall(args["marker"].encode())
        return "connected"


def udp(args):
    with socket.socket(family_of(args["to"]), socket.SOCK_DGRAM) as sock:
        sock.settimeout(args.get("wait", 0.2))
        prepared(sock, args)
        target = endpoint(args["to"], args["port"])
        sock.connect(target)
        sock.send(args["marker"].encode())
        return f"answered {sock.recv(100).decode('latin-1')}"


def ping(args):
    v6 = family_of(args["to"]) == socket.AF_INET6
    protocol = socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP
    with socket.socket(family_of(args["to"]), socket.SOCK_DGRAM, protocol) as sock:
        sock.settimeout(0.2)
        sock.sendto(struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, 0, 1) + args["marker"].encode(), endpoint(args["to"], 0))
        return f"answered {len(sock.recv(200))}"


def datagram(args):
    """IPv4 and UDP by hand."""
    body = args["marker"].encode()
    source, target = socket.inet_aton(args["from"]), socket.inet_aton(args["to"])
    packet = struct.pack("!HHHH", 40000, args["port"], 8 + len(body), 0) + body
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(packet), 1, 0, 64, 17, 0) + source + target
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[12:] + packet


def packet(args):
    """Past the network stack: no rule of iptables sees it."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0x0800) as sock:
        sock.sendto(datagram(args), ("eth0", 0x0800, 0, 0, b"\xff" * 6))
        return "sent"


def raw(args):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        sock.sendto(datagram(args), (args["to"], 0))
        return "sent"


def as_router(args):
    """In a process of its own becomes the router's UID, one way or another, and then tries to leave."""
    way = args["way"]

    def become():
        if way == "setuid":
            os.setuid(ROUTER)
        elif way == "setresuid":
            os.setresuid(-1, ROUTER, -1)
        elif way == "setgid":
            os.setgid(ROUTER)
        elif way == "setfsuid":
            libc.setfsuid(ROUTER)
            if libc.setfsuid(-1) != ROUTER:
                raise PermissionError(errno.EPERM, "")
        else:
            raise SystemExit(f"no such way: {way}")
        return tcp(args)

    return apart(become)


def program(args):
    """What a program says, without its blanks at the end, or how it ended."""
    argv = [part.replace("{marker}", args["marker"]) for part in args["argv"]]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=5, stdin=subprocess.DEVNULL)
    told = (done.stdout + done.stderr).strip().splitlines()
    return f"{done.returncode}: {told[-1] if told else ''}"


def foreign_abi():
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # getpid, by int 0x80
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    return "0"


def syscall(args):
    """By its number: -1 is getpid of the 32-bit ABI. A list [n] stands for the address of n zero octets."""

    def call():
        if args["nr"] == -1:
            return foreign_abi()
        values = []
        for each in args["args"]:
            if isinstance(each, str):
                values.append(ctypes.c_char_p(each.encode()))
            elif isinstance(each, list):
                values.append(ctypes.create_string_buffer(each[0]))
            else:
                values.append(ctypes.c_ulong(each & 0xFFFFFFFFFFFFFFFF))
        done = libc.syscall(ctypes.c_long(args["nr"]), *values)
        if args["forks"] and done == 0:
            os._exit(0)
        return "0" if done != -1 else errno.errorcode.get(ctypes.get_errno(), str(ctypes.get_errno()))

    return apart(call)


def apart(what):
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(there, told(what).encode())
        os._exit(0)
    os.close(there)
    said = os.read(here, 200).decode()
    os.close(here)
    _, status = os.waitpid(child, 0)
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else said


def proxied(args):
    """A request to the proxy as it stands: the status and the reason that it is refused for."""
    return spoken(PROXY, args["request"])


def spoken(to, request):
    with socket.create_connection(to, 2) as sock:
        sock.sendall(request.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            data = sock.recv(4096)
            if not data:
                break
            head += data
    lines = head.decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    return f"{lines[0].split(' ')[1]} {fields.get('sluice-reason', '')}".strip()


def http(args):
    """A request to whoever is there, past the proxy: the status, and the reason that it is refused for."""
    request = f"GET /{args['marker'].replace(' ', '-')} HTTP/1.1\r\nHost: {args['host']}\r\nConnection: close\r\n\r\n"
    return spoken((args["to"], args["port"]), request)


def tls(args):
    """A handshake with whoever is there, past the proxy: the alert that it ends with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.socket(family_of(args["to"]), socket.SOCK_STREAM) as sock:
        sock.settimeout(args.get("wait", 1))
        sock.connect(endpoint(args["to"], args["port"]))
        try:
            with context.wrap_socket(sock, server_hostname=args.get("name")):
                return "spoken"
        except ssl.SSLError as error:
            return error.reason or str(error)


def plain(args):
    """Octets of no protocol to whoever is there: what comes back, and how it ends."""
    with socket.socket(family_of(args["to"]), socket.SOCK_STREAM) as sock:
        sock.settimeout(args.get("wait", 1))
        sock.connect(endpoint(args["to"], args["port"]))
        sock.sendall(args["marker"].encode())
        said = sock.recv(100)
        return f"answered {said.hex()}" if said else "closed"


def dns(args):
    """A question for an address, by hand, to whoever is there."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in args["name"].split("."))
    query = struct.pack("!HHHHHH", 4711, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)
    over = socket.SOCK_DGRAM if args["over"] == "udp" else socket.SOCK_STREAM
    with socket.socket(family_of(args["to"]), over) as sock:
        sock.settimeout(args.get("wait", 1))
        sock.connect(endpoint(args["to"], args["port"]))
        if args["over"] == "udp":
            sock.send(query)
            said = sock.recv(2000)
        else:
            sock.sendall(struct.pack("!H", len(query)) + query)
            said = sock.recv(2002)[2:]
    if len(said) < 12 or said[:2] != query[:2]:
        return f"answered {said.hex()}"
    return f"{('NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED')[said[3] & 15]} {struct.unpack('!H', said[6:8])[0]}"


def fetch(args):
    """As every library does it: by the variables of the environment."""
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if args.get("direct") else []))
    try:
        with opener.open(args["url"], timeout=args.get("wait", 5)) as response:
            return f"{response.status} {response.read(1000).decode()}"
    except urllib.error.HTTPError as error:
        return str(error.code)
    except urllib.error.URLError as error:
        if isinstance(error.reason, OSError):
            raise error.reason
        return str(error.reason)


def adopt(args):
    """The ports from which the router just asked its resolver, told by somebody outside: their flows are still known."""
    try:
        said = fetch({"url": args["url"]})
    except OSError:
        said = ""
    told_so = said.startswith("200 [")
    ports = json.loads(said[4:])[-40:] if told_so else [args["otherwise"]]
    results = {told(lambda port=port: udp({**args, "bindPort": port})) for port in ports}
    return f"{'told' if told_so else 'guessed'}: {', '.join(sorted(results))}"


def squat(args):
    """Listens where the router should, and asks itself: whoever is answered was deceived."""
    with socket.socket(family_of(args["to"]), socket.SOCK_STREAM) as server, socket.socket(family_of(args["to"])) as client:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(endpoint(args["to"], args["port"]))
        server.listen()
        client.settimeout(0.3)
        client.connect(endpoint(args["to"], args["port"]))
        return "deceived"


def by_relay(args):
    """Another container of the pod, which would pass it on."""
    until = time.monotonic() + 5
    while True:
        try:
            with socket.create_connection(("127.0.0.1", RELAY), 2) as sock:
                sock.sendall(json.dumps(args).encode() + b"\n")
                return sock.makefile().readline().strip()
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def abstract(_args):
    """Sockets of the abstract name space, which is the network namespace's: whose could they be?"""
    with open("/proc/net/unix") as lines:
        names = [line.split()[-1] for line in lines if " @" in line]
    return " ".join(names) or "none"


def look(args):
    """Files that are the router's: which are here."""
    return " ".join(path for path in args["paths"] if os.path.lexists(path)) or "none"


def processes(_args):
    """Whose command lines can be seen: besides its own, of whoever is in this PID namespace."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline") as text:
                    found.append(text.read().split("\0")[0])
            except OSError:
                continue
    return " ".join(sorted(set(found)))


def leave_by_namespace(args):
    """A user namespace in which it calls itself the router."""

    def enter():
        if os.getuid() == 0:  # mapping root needs more than mapping oneself
            os.setresuid(4242, 4242, 4242)
            libc.prctl(4, 1)  # its /proc/self stays its own
        uid = os.getuid()
        if libc.unshare(0x10000000) != 0:
            raise OSError(ctypes.get_errno(), "")
        with open("/proc/self/uid_map", "w") as mapped:
            mapped.write(f"{ROUTER} {uid} 1")
        return tcp(args)

    return apart(enter)


KINDS = {
    "tcp": tcp, "udp": udp, "ping": ping, "packet": packet, "raw": raw, "as router": as_router, "program": program, "syscall": syscall,
    "proxied": proxied, "http": http, "tls": tls, "plain": plain, "dns": dns, "fetch": fetch, "adopt": adopt, "squat": squat, "by relay": by_relay, "abstract": abstract, "look": look,
    "processes": processes, "by namespace": leave_by_namespace,
}


def told(what):
    try:
        return what()
    except TimeoutError:
        return "timeout"
    except ssl.SSLError as error:
        return str(error)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))


def say(name, said):
    print(json.dumps({"id": name, "said": said}), flush=True)


def run(file):
    with open(file) as text:
        for case in json.load(text):
            say(case["id"], told(lambda case=case: KINDS[case["kind"]](case)))


def relay():
    server = socket.create_server(("127.0.0.1", RELAY))

    def loop():
        while True:
            connection, _ = server.accept()
            with connection:
                args = json.loads(connection.makefile().readline())
                connection.sendall(told(lambda: KINDS[args["way"]](args)).encode() + b"\n")

    threading.Thread(target=loop, daemon=True).start()


def watch():
    while True:
        say("allowed", told(lambda: fetch({"url": "https://allowed.example/", "wait": 3})))
        say("other", told(lambda: fetch({"url": "https://other.example/", "wait": 3})))
        say("past", told(lambda: tcp({"to": "45.33.100.10", "port": 9999, "marker": "LEAK past the proxy"})))
        time.sleep(0.05)


verb, *rest = sys.argv[1:]
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
if verb == "run":
    run(*rest)
elif verb == "relay":
    run(*rest)
    relay()
    signal.pause()
elif verb == "watch":
    watch()
else:
    raise SystemExit(f"no such verb: {verb}")
