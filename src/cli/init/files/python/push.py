
class Connection(http.client.HTTPConnection):
    """HTTP over the sidecar's unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def main():
    """Sends all there is as one snapshot. A single object: PUT /v1/objects/<id>."""
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "push.sock")
    connection = Connection(os.environ.get("PUSH_SOCKET", beside))
    body = "".join(json.dumps(item) + "\n" for item in records())
    connection.request("POST", "/v1/snapshot", body.encode("utf-8"), {"Content-Type": "application/x-ndjson"})
    answer = connection.getresponse()
    text = answer.read().decode("utf-8")
    print(text.strip())
    # 200: Redis has it. 202: the spool has it. Anything else: send it again later.
    if answer.status not in (200, 202):
        sys.exit("the sidecar answered {}".format(answer.status))


if __name__ == "__main__":
    if "--print" in sys.argv:
        write(records(), sys.stdout)
    else:
        main()
