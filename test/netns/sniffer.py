"""What arrives from the pod, at the outer end of its veth pair: {"do": "mark"} forgets, {"do": "frames"} lists.

A frame that is here has left the pod. ARP is not listed: it is not routed, and no rule of iptables sees it.
"""

import ctypes
import json
import socket
import struct
import sys
import time

PACKET_OUTGOING, ETH_P_ALL = 4, 3
SO_RCVBUFFORCE = 33


def parse(frame):
    kind = struct.unpack("!H", frame[12:14])[0]
    if kind == 0x0800:
        length = (frame[14] & 15) * 4
        protocol, body = frame[23], frame[14 + length :]
        source, target = (socket.inet_ntop(socket.AF_INET, frame[at : at + 4]) for at in (26, 30))
    elif kind == 0x86DD:
        protocol, body = frame[20], frame[54:]
        source, target = (socket.inet_ntop(socket.AF_INET6, frame[at : at + 16]) for at in (22, 38))
        while protocol in (0, 43, 60):  # hop-by-hop, routing, destination options
            protocol, body = body[0], body[(body[1] + 1) * 8 :]
    else:
        return None
    found = {"protocol": protocol, "from": source, "to": target, "text": body[:300].decode("latin-1")}
    if protocol in (6, 17) and len(body) >= 4:
        found["fromPort"], found["toPort"] = struct.unpack("!HH", body[:4])
        if protocol == 6:
            found["flags"] = body[13]
    elif body:
        found["type"] = body[0]
    return found


ctypes.CDLL(None).prctl(1, 9)  # dies with its parent
sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
sniffer.bind((sys.argv[1], 0))
sniffer.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 * 1024 * 1024)
sniffer.setblocking(False)


def drain():
    frames = []
    while True:
        try:
            frame, (_, _, packet_type, _, _) = sniffer.recvfrom(2000)
        except BlockingIOError:
            return frames
        parsed = parse(frame) if packet_type != PACKET_OUTGOING else None
        if parsed is not None:
            frames.append(parsed)


for line in sys.stdin:
    time.sleep(0.02)
    frames = drain()
    print(json.dumps({"frames": frames} if json.loads(line)["do"] == "frames" else {}), flush=True)
