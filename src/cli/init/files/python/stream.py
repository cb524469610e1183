
def main():
    """Tells all there is, and then what changes. Here it looks again every minute; yours may wait for events."""
    write([{"begin": True}], sys.stdout)
    write(records(), sys.stdout)
    known = dict(objects())
    while True:
        time.sleep(60)
        now = dict(objects())
        changed = [{"id": i, "content_type": "card", "content": card} for i, card in now.items() if known.get(i) != card]
        gone = [{"id": i, "deleted": True} for i in known if i not in now]
        write(changed + gone or [{"heartbeat": True}], sys.stdout)
        known = now


if __name__ == "__main__":
    if "--print" in sys.argv:
        write(records(), sys.stdout)
    else:
        main()
