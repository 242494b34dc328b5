"""The world outside a pod, every address of it: JSON lines on stdin, one JSON answer a line on stdout.

begin: {names, nameservers, certificate, key} opens a DNS server (UDP and TCP 53), HTTPS (443), HTTP (80, as a metadata service too),
greeting TCP ports and echoing UDP ports.  seen: what arrived so far, [{over, to, port, from, fromPort, text}].
get: {host, port, path}, as the kubelet probes: {status, body}, status 0 where there is no answer.
"""

import ctypes
import http.client
import json
import os
import socket
import ssl
import struct
import sys
import tempfile
import threading

IP_PKTINFO, IPV6_RECVPKTINFO, IPV6_PKTINFO = 8, 49, 50
A, CNAME, AAAA = 1, 5, 28

seen = []
lock = threading.Lock()
table = {}
tls = None


def note(over, here, there, text):
    plain = lambda address: address[7:] if address.startswith("::ffff:") else address
    with lock:
        seen.append({"over": over, "to": plain(here[0]), "port": here[1], "from": plain(there[0]), "fromPort": there[1], "text": text[:300]})


def encoded(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def records(name, wanted):
    """The answers to one question: an alias, and what it leads to, in one go."""
    entry = table.get(name)
    if entry is None:
        return None
    found = []
    if "CNAME" in entry:
        alias = entry["CNAME"]
        found.append(encoded(name) + struct.pack("!HHIH", CNAME, 1, 60, len(encoded(alias))) + encoded(alias))
        name, entry = alias, table[alias]
    kind = {A: "A", AAAA: "AAAA"}.get(wanted, "")
    for address in entry.get(kind, []):
        octets = socket.inet_pton(socket.AF_INET if wanted == A else socket.AF_INET6, address)
        found.append(encoded(name) + struct.pack("!HHIH", wanted, 1, 60, len(octets)) + octets)
    return found


def answer(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    name, end = ".".join(labels).lower(), at + 5
    found = records(name, struct.unpack("!H", query[at + 1 : at + 3])[0])
    flags = 0x8180 if found is not None else 0x8183
    head = query[:2] + struct.pack("!HHHHH", flags, 1, len(found or []), 0, 0)
    return name, head + query[12:end] + b"".join(found or [])


def datagrams(port):
    """Answers from the address that was asked."""
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    sock.bind(("::", port))

    def loop():
        while True:
            data, control, _, peer = sock.recvmsg(4096, 200)
            info = next((each for each in control if each[1] == IPV6_PKTINFO), None)
            here = socket.inet_ntop(socket.AF_INET6, info[2][:16]) if info else "?"
            try:
                text, reply = answer(data) if port == 53 else (data.decode("latin-1"), b"outside")
            except (IndexError, struct.error):
                text, reply = data.decode("latin-1"), b"outside"
            note("udp", (here, port), peer, text)
            try:
                sock.sendmsg([reply], [(socket.IPPROTO_IPV6, IPV6_PKTINFO, info[2])] if info else [], 0, peer)
            except OSError:
                continue

    threading.Thread(target=loop, daemon=True).start()


def streams(port):
    server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", port))
    server.listen(256)

    def loop():
        while True:
            connection, peer = server.accept()
            threading.Thread(target=converse, args=(connection, port, peer), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


def converse(connection, port, peer):
    here = connection.getsockname()
    try:
        connection.settimeout(5)
        if port == 443:
            connection = tls.wrap_socket(connection, server_side=True)
        if port in (80, 443):
            text = connection.recv(4096).decode("latin-1")
            note("tcp", here, peer, text)
            with lock:
                ports = [each["fromPort"] for each in seen if each["over"] == "udp" and each["port"] == 53]
            body = json.dumps(ports) if text.startswith("GET /ports ") else "outside"
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            connection.sendall((head + body).encode())
        elif port == 53:
            length = struct.unpack("!H", connection.recv(2))[0]
            text, reply = answer(connection.recv(length))
            note("tcp", here, peer, text)
            connection.sendall(struct.pack("!H", len(reply)) + reply)
        else:
            note("tcp", here, peer, "")
            connection.sendall(b"outside")
            note("tcp", here, peer, connection.recv(4096).decode("latin-1"))
    except (OSError, IndexError, struct.error):
        note("tcp", here, peer, "")
    finally:
        connection.close()


def begin(command):
    global tls
    table.update(command["names"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as certificate, tempfile.NamedTemporaryFile("w") as key:
        certificate.write(command["certificate"])
        key.write(command["key"])
        certificate.flush()
        key.flush()
        tls.load_cert_chain(certificate.name, key.name)
    for port in (53, 80, 443, 853, 9999):
        streams(port)
        datagrams(port)
    return {}


def get(command):
    try:
        connection = http.client.HTTPConnection(command["host"], command["port"], timeout=command.get("timeout", 2))
        connection.request("GET", command["path"])
        response = connection.getresponse()
        return {"status": response.status, "body": response.read().decode()}
    except (OSError, http.client.HTTPException) as error:
        return {"status": 0, "body": str(error)}


def told(_command):
    with lock:
        return {"seen": list(seen)}


DO = {"begin": begin, "get": get, "seen": told}

ctypes.CDLL(None).prctl(1, 9)  # dies with its parent
for line in sys.stdin:
    command = json.loads(line)
    print(json.dumps(DO[command["do"]](command)), flush=True)
os._exit(0)
