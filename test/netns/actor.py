"""One party in a network namespace, driven by JSON lines: {"do": ..., ...} on stdin, one JSON answer a line on stdout.

serve: listeners that greet (TCP) or answer (UDP) with a name.   run: attempts, several at a time.
flush: forget all conntrack entries (privileged).                received: bytes counted by the slow port.
"""

import ctypes
import errno
import json
import os
import socket
import struct
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

IP_FREEBIND, IP_UNICAST_IF, IPV6_FREEBIND, IPV6_UNICAST_IF, IPV6_RTHDR = 15, 50, 78, 76, 57
SO_BINDTODEVICE, MSG_FASTOPEN, MSG_MORE, IPPROTO_MPTCP = 25, 0x20000000, 0x8000, 262
IP_PKTINFO, IPV6_PKTINFO, IPV6_RECVPKTINFO, IP_TRANSPARENT, SO_MARK = 8, 50, 49, 19, 36

held = {}
received = {}
lock = threading.Lock()


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def endpoint(address, port):
    if family_of(address) == socket.AF_INET:
        return (address, port)
    name, _, device = address.partition("%")
    return (name, port, 0, socket.if_nametoindex(device) if device else 0)


def prepare(sock, args, v6):
    """Every socket option that needs no privilege and may change where a packet goes or comes from."""
    level = socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP
    if args.get("freebind"):
        sock.setsockopt(level, IPV6_FREEBIND if v6 else IP_FREEBIND, 1)
    if args.get("transparent"):
        sock.setsockopt(level, 75 if v6 else IP_TRANSPARENT, 1)
    if args.get("mark"):
        sock.setsockopt(socket.SOL_SOCKET, SO_MARK, args["mark"])
    if args.get("device"):
        sock.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, args["device"].encode())
    if args.get("unicastIf"):
        index = struct.pack("!I", socket.if_nametoindex(args["unicastIf"]))
        sock.setsockopt(level, IPV6_UNICAST_IF if v6 else IP_UNICAST_IF, index)
    if args.get("sourceRoute"):  # LSRR: by way of this address, then on to the destination
        sock.setsockopt(
            socket.IPPROTO_IP, socket.IP_OPTIONS, b"\x01\x83\x07\x04" + socket.inet_aton(args["sourceRoute"])
        )
    if args.get("segments"):  # SRv6 (RFC 8754): the last of the list is visited first
        addresses = b"".join(socket.inet_pton(socket.AF_INET6, each) for each in reversed(args["segments"]))
        count = len(args["segments"])
        header = struct.pack("!BBBBBBH", 0, 2 * count, 4, count - 1, count - 1, 0, 0)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RTHDR, header + addresses)
    if args.get("broadcast"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if "bindPort" in args or "bind" in args:
        if args.get("reuse"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound = args.get("bind", "::" if v6 else "0.0.0.0")
        sock.bind(endpoint(bound, args.get("bindPort", 0)))


def tcp(args):
    address = args["to"]
    v6 = family_of(address) == socket.AF_INET6
    sock = socket.socket(family_of(address), socket.SOCK_STREAM, IPPROTO_MPTCP if args.get("mptcp") else 0)
    try:
        sock.settimeout(args.get("wait", 0.6))
        prepare(sock, args, v6)
        payload = args.get("payload", "").encode()
        if args.get("fastopen"):
            sock.setblocking(True)
            for limit in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                sock.setsockopt(socket.SOL_SOCKET, limit, struct.pack("ll", 0, 600_000))
            sock.sendto(payload, MSG_FASTOPEN, endpoint(address, args["port"]))
        else:
            sock.connect(endpoint(address, args["port"]))
        greeting = sock.recv(200).decode()
        if args.get("deviceAfter"):
            sock.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, args["deviceAfter"].encode())
            sock.send(payload)
            time.sleep(0.05)
        elif args.get("bulk"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * args["bulk"])
            sock.sendall((payload + b".") * (args["bulk"] // (len(payload) + 1)))
        elif payload and not args.get("fastopen"):
            sock.sendall(payload)
        if args.get("reset"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return greeting
    finally:
        sock.close()


def udp(args):
    address = args["to"]
    v6 = family_of(address) == socket.AF_INET6
    sock = socket.socket(family_of(address), socket.SOCK_DGRAM, args.get("protocol", 0))
    try:
        sock.settimeout(args.get("wait", 0.25))
        prepare(sock, args, v6)
        payload = args.get("payload", "?").encode()
        target = endpoint(address, args["port"])
        if "pktinfo" in args:
            source, device = args["pktinfo"]
            index = socket.if_nametoindex(device) if device else 0
            if v6:
                info = (socket.IPPROTO_IPV6, IPV6_PKTINFO, socket.inet_pton(socket.AF_INET6, source) + struct.pack("I", index))
            else:
                info = (socket.IPPROTO_IP, IP_PKTINFO, struct.pack("I", index) + socket.inet_aton(source) + b"\0" * 4)
            sock.sendmsg([payload], [info], 0, target)
        elif args.get("connected"):
            sock.connect(target)
            sock.send(payload)
        elif args.get("corked"):
            sock.sendto(payload, MSG_MORE, target)
            return "corked"
        else:
            sock.sendto(payload, target)
        return sock.recv(200).decode()
    finally:
        sock.close()


def ping(args):
    address = args["to"]
    v6 = family_of(address) == socket.AF_INET6
    sock = socket.socket(family_of(address), socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP)
    try:
        sock.settimeout(args.get("wait", 0.25))
        prepare(sock, args, v6)
        sock.sendto(struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, 0, 1) + args.get("payload", "?").encode(), endpoint(address, 0))
        sock.recv(200)
        return "pong"
    finally:
        sock.close()


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def raw(args):
    """An IPv4 datagram made by hand, header and all: needs CAP_NET_RAW."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    try:
        source, target = socket.inet_aton(args["from"]), socket.inet_aton(args["to"])
        if args["port"]:
            head = struct.pack("!HHIIBBHHH", 40000, args["port"], 1, 0, 0x50, 2, 1000, 0, 0)
            pseudo = source + target + struct.pack("!BBH", 0, 6, len(head))
            body, protocol = head[:16] + struct.pack("!H", checksum(pseudo + head)) + head[18:], 6
        else:
            head = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + args["payload"].encode().ljust(64, b".")
            body, protocol = head[:2] + struct.pack("!H", checksum(head)) + head[4:], 1
        sock.sendto(struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0) + source + target + body, (args["to"], 0))
        return "sent"
    finally:
        sock.close()


def raw6(args):
    """An ICMPv6 packet from a raw socket: needs CAP_NET_RAW, and has an owner even where it looks like the kernel's."""
    sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    try:
        target = socket.inet_pton(socket.AF_INET6, args["to"].partition("%")[0])
        sock.setsockopt(socket.IPPROTO_IPV6, 16, 255)
        sock.sendto(struct.pack("!BBHI", args["type"], 0, 0, 0) + target + args["payload"].encode(), endpoint(args["to"], 0))
        return "sent"
    finally:
        sock.close()


def join(args):
    """Joining a group makes the kernel report it (IGMP, MLD): a packet without an owner."""
    address = args["to"]
    v6 = family_of(address) == socket.AF_INET6
    sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
    try:
        index = socket.if_nametoindex("eth0")
        if v6:
            group = socket.inet_pton(socket.AF_INET6, address) + struct.pack("I", index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        else:
            sock.setsockopt(
                socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("4sII", socket.inet_aton(address), 0, index)
            )
        time.sleep(0.1)
        return "joined"
    finally:
        sock.close()


def squat(args):
    """Listens where the router should, and asks itself: a client of the pod that gets this answer was deceived."""
    address, port = args["to"], args["port"]
    stream = args["transport"] == "tcp"
    server = socket.socket(family_of(address), socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
    client = socket.socket(family_of(address), socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(endpoint(address, port))
        server.settimeout(0.3)
        client.settimeout(0.3)
        if stream:
            server.listen()
            client.connect(endpoint(address, port))
            return "squatted"
        client.sendto(b"?", endpoint(address, port))
        _, peer = server.recvfrom(100)
        server.sendto(b"squatted", peer)
        return client.recv(100).decode()
    finally:
        client.close()
        server.close()


def squat_outside(args):
    """Listens on a router port of an address of the pod, for a while, for somebody outside to connect."""
    server = socket.socket(family_of(args["to"]), socket.SOCK_STREAM)
    try:
        server.bind(endpoint(args["to"], args["port"]))
        server.listen()
        server.settimeout(0.6)
        connection, _ = server.accept()
        connection.send(args["payload"].encode())
        connection.close()
        return "accepted"
    finally:
        server.close()


def hold_listen(args):
    server = socket.socket(family_of(args["to"]), socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(endpoint(args["to"], args["port"]))
    server.listen()
    server.settimeout(1.5)
    held[args["name"]], _ = server.accept()
    server.close()
    return "held"


def hold_connect(args):
    until = time.monotonic() + 1
    while True:
        sock = socket.socket(family_of(args["to"]), socket.SOCK_STREAM)
        sock.settimeout(1)
        try:
            sock.connect(endpoint(args["to"], args["port"]))
            held[args["name"]] = sock
            return "held"
        except OSError:
            sock.close()
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def held_send(args):
    sock = held.pop(args["name"], None)
    if sock is None:
        return "was not held"
    try:
        time.sleep(args.get("delay", 0))
        if args["payload"] == "again":
            sock.settimeout(1)
            sock.recv(200)
            sock.send(b"again")
            return sock.recv(200).decode()
        sock.send(args["payload"].encode())
        time.sleep(args.get("linger", 0.15))
        return "sent"
    finally:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


KINDS = {
    "tcp": tcp, "udp": udp, "ping": ping, "raw": raw, "raw6": raw6, "join": join, "squat": squat,
    "squat_outside": squat_outside, "hold_listen": hold_listen, "hold_connect": hold_connect, "held_send": held_send,
}


def run_one(case):
    until = time.monotonic() + case.get("retry", 0)
    while True:
        began = time.monotonic()
        try:
            said = KINDS[case["kind"]](case)
        except TimeoutError:
            said = "timeout"
        except OSError as error:
            said = errno.errorcode.get(error.errno or 0, str(error))
        if said != "ECONNREFUSED" or time.monotonic() > until:
            return case["id"], {"said": said, "ms": round((time.monotonic() - began) * 1000)}
        time.sleep(0.02)


def greet(connection, name, peer_of):
    with connection:
        try:
            connection.sendall(name.encode())
            connection.settimeout(5)
            total = 0
            if peer_of is not None:
                time.sleep(0.15)
            while True:
                data = connection.recv(65536)
                if not data:
                    break
                total += len(data)
                if data == b"again":
                    connection.sendall(data)
            if peer_of is not None:
                with lock:
                    received[peer_of] = total
        except OSError:
            return


def serve_tcp(address, port, name, slow):
    server = socket.socket(family_of(address), socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if server.family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if slow:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    server.bind(endpoint(address, port))
    server.listen(256)

    def loop():
        while True:
            connection, _ = server.accept()
            here = connection.getsockname()[0] if slow else None
            threading.Thread(target=greet, args=(connection, name, here), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


def serve_udp(address, port, name):
    """Answers from the address that was asked, whichever it is."""
    v6 = family_of(address) == socket.AF_INET6
    sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
    if v6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    sock.bind(endpoint(address, port))

    def loop():
        while True:
            _, control, _, peer = sock.recvmsg(2000, 200)
            level, kind, data = control[0]
            info = data if v6 else struct.pack("I", 0) + data[8:12] + b"\0" * 4
            try:
                sock.sendmsg([name.encode()], [(level, kind, info)], 0, peer)
            except OSError:
                continue

    threading.Thread(target=loop, daemon=True).start()


def serve(command):
    for each in command["listeners"]:
        if each["transport"] == "tcp":
            serve_tcp(each["address"], each["port"], each["name"], each.get("slow", False))
        else:
            serve_udp(each["address"], each["port"], each["name"])
    return {}


def flush(_command):
    """IPCTNL_MSG_CT_DELETE without a tuple: all entries of this namespace."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    sock.send(struct.pack("IHHII", 20, (1 << 8) | 2, 1 | 4, 1, 0) + struct.pack("BBH", 0, 0, 0))
    code = struct.unpack("i", sock.recv(200)[16:20])[0]
    sock.close()
    return {"code": code}


def run(command):
    with ThreadPoolExecutor(max_workers=command.get("atOnce", 12)) as pool:
        return {"results": dict(pool.map(run_one, command["cases"]))}


def counted(_command):
    with lock:
        return {"received": dict(received)}


DO = {"serve": serve, "flush": flush, "run": run, "received": counted}

ctypes.CDLL(None).prctl(1, 9)  # dies with its parent
for line in sys.stdin:
    command = json.loads(line)
    try:
        answer = DO[command["do"]](command)
    except OSError as error:
        answer = {"failed": str(error)}
    print(json.dumps(answer), flush=True)
os._exit(0)
