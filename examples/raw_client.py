"""A client on bare pyzmq and msgpack: what any language can do. Run it inside a workspace whose daemon is up.

python examples/raw_client.py [WORKSPACE]
"""

import json
import sys
import uuid
from pathlib import Path

import msgpack
import zmq

workspace = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
where = json.loads((workspace / ".quarterdeck/run/daemon.json").read_text())
context = zmq.Context()
rpc = context.socket(zmq.REQ)  # A REQ socket puts the empty frame in front by itself.
rpc.connect(where["rpc"])
events = context.socket(zmq.SUB)
events.connect(where["events"])
events.subscribe("memory.")  # Topics are event kinds; "" would be all of them.


def call(method, **params):
    request = {"id": 1, "method": method, "params": params, "token": where["token"], "deadline_ms": 5000}
    if method == "memory.remember":
        request["request_id"] = str(uuid.uuid4())  # Sent again with this id, it still happens once.
    rpc.send(msgpack.packb(request))
    if not rpc.poll(5000):
        sys.exit("no answer in 5 seconds")
    reply = msgpack.unpackb(rpc.recv())
    if not reply["ok"]:
        sys.exit(f"{reply['error']['code']}: {reply['error']['message']} {reply['error']['hint']}")
    return reply["result"]


print("hello     ", call("system.hello"))
print("status    ", call("system.status"))
print("remembered", call("memory.remember", text="The red folder lies in the second drawer.", tags=["example"]))
if events.poll(5000):
    topic, body = events.recv_multipart()
    print("event     ", topic.decode(), "seq", msgpack.unpackb(body)["seq"])
for hit in call("memory.search", query="where is the red folder", limit=3)["items"]:
    print("found     ", round(hit["score"], 3), hit["text"])
context.destroy(linger=0)
