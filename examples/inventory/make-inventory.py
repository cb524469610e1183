#!/usr/bin/env python3
"""Writes inventory.ndjson: what an extension would show on the pages of about 400 objects of an invented company.

Run by hand when the inventory should change, then commit its output:

    ./make-inventory.py > inventory.ndjson

The same script prints the same bytes on every machine: one seed, and of Python's generators only `random()`, whose
sequence is fixed for all versions. Nothing in it is real: domains are reserved ones (RFC 2606), addresses private.
"""

import datetime
import html
import json
import random
import sys

TODAY = datetime.date(2026, 11, 1)
CARD = "application/vnd.ralphext.card+json"
JSON = "application/json"
HTML = "text/html"

rng = random.Random(4711)


def below(n):
    return int(rng.random() * n)


def pick(items):
    return items[below(len(items))]


def between(low, high):
    return low + below(high - low + 1)


def chance(share):
    return rng.random() < share


# ---- The company ---------------------------------------------------------------------------------------------------

PEOPLE = [
    ("Łukasz Żółkiewski", "lukasz.zolkiewski"),
    ("Małgorzata Dąbrowska", "malgorzata.dabrowska"),
    ("Stanisław Gęślicki", "stanislaw.geslicki"),
    ("Agnieszka Wójcik", "agnieszka.wojcik"),
    ("Paweł Ćwik", "pawel.cwik"),
    ("Bożena Śliwińska", "bozena.sliwinska"),
    ("Zoë Müller", "zoe.mueller"),
    ("Søren Kjærgaard", "soren.kjaergaard"),
    ("Олена Шевченко", "olena.shevchenko"),
    ("Jiří Dvořák", "jiri.dvorak"),
    ("François Lefèvre", "francois.lefevre"),
    ("Ewa Nowak", "ewa.nowak"),
    ("Tom O'Brien", "tom.obrien"),
    ("山田 花子", "hanako.yamada"),
]
# name, city, address, rooms
DATA_CENTERS = [
    ("DC-POZ1", "Poznań", "ul. Żelazna 12", ["Sala A", "Sala B"]),
    ("DC-WAW2", "Warszawa", "ul. Łączności 7", ["Sala 1"]),
    ("DC-FRA1", "Frankfurt am Main", "Große Straße 3", ["Halle Süd"]),
]
OFFICES = [
    "Poznań, ul. Św. Marcin 80",
    "Kraków, ul. Długa 5",
    "Wrocław, pl. Solny 14",
    "Łódź, ul. Piotrkowska 99",
    "Gdańsk, al. Grunwaldzka 472",
    "Praha, Křižíkova 34",
]
COST_CENTRES = [
    "CC-1042 Platform",
    "CC-1077 Search",
    "CC-1101 Payments",
    "CC-1218 Data & ML",
    "CC-2003 Biuro zarządu",
    "CC-2040 Obsługa klienta",
    "CC-3310 Sprzedaż",
]
# service, cost centre
SERVICES = [
    ("checkout", 2),
    ("search-index", 1),
    ("payments-ledger", 2),
    ("ml-training", 3),
    ("object-store", 0),
    ("mail-relay", 0),
    ("monitoring", 0),
    ("ticketing", 5),
    ("catalogue", 1),
    ("feature-store", 3),
]
ENVIRONMENTS = ["prod", "prod", "prod", "staging", "test", "dev"]
# maker, model, height in U, sockets, cores a socket, processor, memory in GiB, (disks, GB, kind)
SERVERS = [
    ("Dell", "PowerEdge R640", 1, 2, 16, "Intel Xeon Gold 6226R", [192, 384], (4, 1920, "SATA SSD")),
    ("Dell", "PowerEdge R740xd", 2, 2, 20, "Intel Xeon Gold 6230", [384, 768], (12, 3840, "SATA SSD")),
    ("HPE", "ProLiant DL325 Gen10", 1, 1, 32, "AMD EPYC 7502P", [256, 512], (4, 3200, "NVMe")),
    ("HPE", "ProLiant DL380 Gen10", 2, 2, 18, "Intel Xeon Gold 6240", [256, 384], (8, 2400, "SAS 10k")),
    ("Supermicro", "AS-1114S-WN10RT", 1, 1, 64, "AMD EPYC 7713", [512, 1024], (6, 7680, "NVMe")),
    ("Lenovo", "ThinkSystem SR650", 2, 2, 12, "Intel Xeon Silver 4214R", [128, 256], (8, 1800, "SAS 10k")),
]
OFFICE_MODELS = [
    ("Laptop", "Lenovo", "ThinkPad T14 Gen 4"),
    ("Laptop", "Dell", "Latitude 7440"),
    ("Laptop", "Apple", 'MacBook Pro 14"'),
    ("Monitor", "Dell", 'UltraSharp U2723QE 27"'),
    ("Phone", "Samsung", "Galaxy S24"),
    ("Phone", "Apple", "iPhone 15"),
    ("Printer", "Xerox", "VersaLink C405"),
    ("Projector", "Epson", "EB-L200F"),
]
# name, cores, memory in MiB, disk in GB
FLAVOURS = [
    ("m1.small", 2, 4096, 40),
    ("m1.medium", 4, 8192, 80),
    ("m1.large", 8, 16384, 160),
    ("c2.xlarge", 16, 32768, 200),
    ("r2.2xlarge", 16, 131072, 400),
]
SYSTEMS = ["Debian 12", "Debian 11", "Ubuntu 22.04 LTS", "Rocky Linux 9", "Windows Server 2022"]


def person():
    name, login = pick(PEOPLE)
    return {"name": name, "email": f"{login}@example.org"}


def serial():
    return "".join(pick("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789") for _ in range(10))


def mac():
    return "02:" + ":".join(f"{below(256):02x}" for _ in range(5))


def address(network):
    return f"10.{network}.{below(256)}.{between(1, 254)}"


def day(first, last):
    """A date between `first` and `last` days from today."""
    return TODAY + datetime.timedelta(days=between(first, last))


def warranty():
    bought = day(-2000, -30)
    years = pick([3, 3, 5])
    return (
        bought,
        bought + datetime.timedelta(days=365 * years),
        f"{years}y {pick(['next business day', '4 hours on site', 'carry-in'])}",
    )


def judge(until):
    """Status and words for a warranty's end."""
    left = (until - TODAY).days
    if left < 0:
        return "critical", f"warranty ended {until}"
    if left < 90:
        return "warning", f"warranty ends in {left} days"
    return "ok", f"under warranty until {until}"


def field(label, value, unit=None, link=None):
    made = {"label": label, "value": value}
    if unit:
        made["unit"] = unit
    if link:
        made["link"] = link
    return made


def mail(who):
    return field("Contact", who["name"], link="mailto:" + who["email"])


def definition_list(pairs):
    return "<dl>" + "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(str(v))}</dd>" for k, v in pairs) + "</dl>"


def table(columns, rows):
    head = "".join(f"<th>{html.escape(c)}</th>" for c in columns)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(str(c))}</td>" for c in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


# ---- The objects ---------------------------------------------------------------------------------------------------

records = []
last_id = 100


def next_id():
    """BaseObjects share one sequence; numbers are missing where objects were removed or are of no interest here."""
    global last_id
    last_id += between(1, 4)
    return last_id


def emit(object_id, content_type, content):
    records.append({"id": object_id, "content_type": content_type, "content": content})


def make_racks():
    racks = []
    for dc, city, street, rooms in DATA_CENTERS:
        for room in rooms:
            for number in range(1, 7):
                racks.append(
                    {
                        "pk": len(racks) + 1,
                        "name": f"{dc}-R{number:02d}",
                        "room": room,
                        "dc": dc,
                        "city": city,
                        "street": street,
                        "u": 47,
                        "assets": [],
                        "free": 47,
                    }
                )
    return racks


def make_servers(racks, count):
    servers = []
    for n in range(count):
        maker, model, height, sockets, cores, cpu, memories, (slots, gb, kind) = pick(SERVERS)
        rack = pick([r for r in racks if r["free"] > 4])
        service, cost = pick(SERVICES)
        server = {
            "id": next_id(),
            "hostname": f"{service}-{n + 1:03d}.{rack['dc'].lower()}.example.net",
            "sn": serial(),
            "barcode": f"dc{100000 + n}",
            "maker": maker,
            "model": model,
            "height": height,
            "rack": rack,
            "position": rack["u"] - rack["free"] + 1,
            "sockets": sockets,
            "cores": cores,
            "cpu": cpu,
            "memory": pick(memories),
            "service": service,
            "cost": COST_CENTRES[cost],
            "environment": pick(ENVIRONMENTS),
            "management": address(20),
            "network": 30 + rack["pk"],
            "owner": person(),
            "disks": [
                [f"Bay {bay}", kind, f"{gb} GB", serial(), "failing" if chance(0.01) else "ok"]
                for bay in range(between(2, slots))
            ],
        }
        rack["free"] -= height
        rack["assets"].append(server)
        servers.append(server)
    return servers


def show_server(s):
    bought, until, kind = warranty()
    status, words = judge(until)
    rack = s["rack"]
    where = f"{rack['dc']} / {rack['room']} / {rack['name']} / U{s['position']}"
    broken = [d[0] for d in s["disks"] if d[4] != "ok"]
    choice = rng.random()
    if choice < 0.5:
        if broken:
            status, words = "critical", f"{', '.join(broken)} failing; {words}"
        events = [{"at": f"{bought}T00:00:00Z", "text": "delivered"}]
        if chance(0.4):
            events.append(
                {
                    "at": f"{day(-300, -10)}T{between(6, 18):02d}:15:00Z",
                    "text": pick(
                        ["firmware updated", "DIMM B2 replaced", "moved to another rack", "power supply 2 replaced"]
                    ),
                    "status": "ok",
                }
            )
        emit(
            s["id"],
            CARD,
            {
                "title": f"{s['maker']} {s['model']}",
                "status": status,
                "summary": words,
                "fields": [
                    field("Serial number", s["sn"]),
                    field("Location", where),
                    field("Processors", f"{s['sockets']} × {s['cpu']}"),
                    field("Memory", s["memory"], "GiB"),
                    field("Warranty", kind),
                    field("Cost centre", s["cost"]),
                    mail(s["owner"]),
                ],
                "tables": [
                    {"title": "Disks", "columns": ["Bay", "Kind", "Size", "Serial number", "State"], "rows": s["disks"]}
                ],
                "badges": [{"text": s["environment"], "status": "ok" if s["environment"] == "prod" else "unknown"}],
                "links": [
                    {"label": "Management", "url": f"https://{s['management']}/"},
                    {"label": "Vendor support", "url": f"https://support.example.com/sn/{s['sn']}"},
                ],
                "timeline": events,
            },
        )
    elif choice < 0.85:
        emit(
            s["id"],
            JSON,
            {
                "hostname": s["hostname"],
                "service": s["service"],
                "environment": s["environment"],
                "hardware": {
                    "vendor": s["maker"],
                    "model": s["model"],
                    "serial_number": s["sn"],
                    "height_u": s["height"],
                    "processors": [{"model": s["cpu"], "cores": s["cores"]}] * s["sockets"],
                    "memory_gib": s["memory"],
                    "disks": [
                        {"bay": d[0], "kind": d[1], "size": d[2], "sn": d[3], "healthy": d[4] == "ok"}
                        for d in s["disks"]
                    ],
                },
                "interfaces": [
                    {
                        "name": f"eno{i + 1}",
                        "mac": mac(),
                        "address": address(s["network"]),
                        "speed_gbps": pick([10, 25]),
                    }
                    for i in range(2)
                ]
                + [{"name": "bmc", "mac": mac(), "address": s["management"], "speed_gbps": 1}],
                "warranty": {"bought": str(bought), "until": str(until), "kind": kind},
                "power_watts": {"mean": between(140, 420), "limit": 800},
            },
        )
    else:
        pairs = [
            ("Location", where),
            ("Warranty", f"{words} ({kind})"),
            ("Cost centre", s["cost"]),
            ("Contact", s["owner"]["name"]),
        ]
        emit(
            s["id"],
            HTML,
            f"<h3>{html.escape(s['maker'] + ' ' + s['model'])}</h3>"
            + definition_list(pairs)
            + table(["Bay", "Kind", "Size", "State"], [[d[0], d[1], d[2], d[4]] for d in s["disks"]]),
        )


def show_rack(rack):
    used = rack["u"] - rack["free"]
    watts = sum(180 + 60 * a["height"] for a in rack["assets"])
    object_id = f"data_center.rack.{rack['pk']}"
    if rack["pk"] % 3 == 0:
        emit(
            object_id,
            JSON,
            {
                "name": rack["name"],
                "data_center": rack["dc"],
                "room": rack["room"],
                "city": rack["city"],
                "height_u": rack["u"],
                "used_u": used,
                "power_watts": watts,
                "units": [
                    {"u": a["position"], "height": a["height"], "asset": a["id"], "barcode": a["barcode"]}
                    for a in rack["assets"]
                ],
            },
        )
    elif rack["pk"] % 3 == 1:
        emit(
            object_id,
            HTML,
            f"<h3>{html.escape(rack['name'])}</h3>"
            + definition_list(
                [
                    ("Data centre", f"{rack['dc']}, {rack['city']}, {rack['street']}"),
                    ("Room", rack["room"]),
                    ("Used", f"{used} of {rack['u']} U"),
                ]
            )
            + table(["U", "Asset", "Hostname"], [[a["position"], a["barcode"], a["hostname"]] for a in rack["assets"]]),
        )
    else:
        emit(
            object_id,
            CARD,
            {
                "title": rack["name"],
                "status": "warning" if used > 30 else "ok",
                "summary": f"{used} of {rack['u']} U used, about {watts} W",
                "fields": [
                    field("Data centre", f"{rack['dc']}, {rack['city']}"),
                    field("Room", rack["room"]),
                    field("Free", rack["free"], "U"),
                ],
                "tables": [
                    {
                        "title": "Units",
                        "columns": ["U", "Barcode", "Model"],
                        "rows": [[a["position"], a["barcode"], a["model"]] for a in rack["assets"]],
                    }
                ],
            },
        )


def show_office_asset(n):
    category, maker, model = pick(OFFICE_MODELS)
    object_id, user, office, cost = next_id(), person(), pick(OFFICES), COST_CENTRES[between(4, 6)]
    bought, until, kind = warranty()
    status, words = judge(until)
    price = f"{between(800, 14000)}.{between(0, 99):02d}"
    if chance(0.45):
        content = {
            "title": f"{maker} {model}",
            "status": status,
            "summary": words,
            "fields": [
                field("Category", category),
                field("Barcode", f"bo{200000 + n}"),
                field("Serial number", serial()),
                field("Office", office),
                field("User", user["name"], link="mailto:" + user["email"]),
                field("Cost centre", cost),
                field("Price", price, "PLN"),
            ],
        }
        if chance(0.3):
            content["badges"] = [{"text": "loaned"}, {"text": f"until {day(10, 200)}", "status": "warning"}]
        emit(object_id, CARD, content)
    elif chance(0.5):
        emit(
            object_id,
            HTML,
            f"<p><strong>{html.escape(maker + ' ' + model)}</strong>, {html.escape(words)}.</p>"
            + definition_list(
                [("Użytkownik", user["name"]), ("Biuro", office), ("Centrum kosztów", cost), ("Gwarancja", kind)]
            )
            + f'<p>Zgłoszenia: <a href="https://helpdesk.example.org/new?asset=bo{200000 + n}">helpdesk</a></p>',
        )
    else:
        content = {
            "category": category,
            "vendor": maker,
            "model": model,
            "barcode": f"bo{200000 + n}",
            "user": user,
            "office": office,
            "cost_centre": cost,
            "purchase": {
                "date": str(bought),
                "price": price,
                "currency": "PLN",
                "invoice": f"FV/{bought.year}/{between(1, 9999):04d}",
            },
            "warranty": {"until": str(until), "kind": kind},
        }
        if category == "Phone":
            content["imei"] = f"35{between(10**12, 10**13 - 1)}"
        emit(object_id, JSON, content)


def show_virtual_server(n, servers, clusters):
    object_id, host, system = next_id(), pick(servers), pick(SYSTEMS)
    service, cost = pick(SERVICES)
    cluster = pick(clusters)
    name = f"vm-{service}-{n + 1:03d}.example.net"
    cluster["members"].append([name, object_id, pick(["up", "up", "up", "up", "drained"])])
    cores, memory, disk = pick([(2, 4, 40), (4, 8, 80), (8, 32, 200)])
    backup = day(-9, -1)
    late = (TODAY - backup).days > 7
    if chance(0.7):
        emit(
            object_id,
            JSON,
            {
                "hostname": name,
                "system": system,
                "environment": pick(ENVIRONMENTS),
                "service": service,
                "cost_centre": COST_CENTRES[cost],
                "hypervisor": {
                    "id": host["id"],
                    "hostname": host["hostname"],
                    "rack": f"data_center.rack.{host['rack']['pk']}",
                },
                "resources": {"vcpus": cores, "memory_gib": memory, "disk_gb": disk},
                "addresses": [address(80), f"fd00:80::{between(1, 65535):x}"],
                "mac": mac(),
                "contact": person(),
                "backup": {"last": str(backup), "size_gb": round(disk * (0.2 + 0.6 * rng.random()), 1)},
                "packages": {"pending": below(40), "security": below(4)},
            },
        )
    else:
        emit(
            object_id,
            CARD,
            {
                "title": name,
                "status": "warning" if late else "ok",
                "summary": f"{system}, last backup {backup}",
                "fields": [
                    field("Hypervisor", host["hostname"]),
                    field("vCPU", cores),
                    field("Memory", memory, "GiB"),
                    field("Disk", disk, "GB"),
                    field("Cost centre", COST_CENTRES[cost]),
                    mail(person()),
                ],
                "links": [{"label": "Dashboard", "url": f"https://monitoring.example.org/d/{service}?var-host={name}"}],
            },
        )


def show_cloud_host(n):
    flavour, cores, memory, disk = pick(FLAVOURS)
    service, cost = pick(SERVICES)
    emit(
        next_id(),
        JSON,
        {
            "host_id": f"{below(2**32):08x}-{below(2**16):04x}-4{below(2**12):03x}-a{below(2**12):03x}"
            f"-{below(2**48):012x}",
            "hostname": f"{service}-c{n + 1:02d}.cloud.example.net",
            "provider": pick(["openstack", "openstack", "vsphere"]),
            "project": f"{service}-{pick(['prod', 'dev'])}",
            "flavour": {"name": flavour, "vcpus": cores, "memory_mib": memory, "disk_gb": disk},
            "image": pick(SYSTEMS),
            "addresses": [address(100)],
            "cost": {
                "centre": COST_CENTRES[cost],
                "month": "2026-10",
                "amount": f"{between(90, 4200)}.{below(100):02d}",
                "currency": "PLN",
            },
            "labels": {"team": service.split("-")[0], "data": pick(["public", "internal", "poufne"])},
        },
    )


def show_cluster(c):
    drained = [m for m in c["members"] if m[2] != "up"]
    emit(
        c["id"],
        CARD,
        {
            "title": c["name"],
            "status": "warning" if len(drained) * 4 > len(c["members"]) else "ok",
            "summary": f"{len(c['members']) - len(drained)} of {len(c['members'])} members up",
            "fields": [field("Type", c["type"]), field("Environment", c["environment"]), mail(person())],
            "tables": [{"title": "Members", "columns": ["Hostname", "Ralph id", "State"], "rows": c["members"]}],
            "charts": [
                {
                    "title": "Load",
                    "kind": pick(["line", "bar"]),
                    "unit": "%",
                    "labels": ["Jun", "Jul", "Aug", "Sep", "Oct"],
                    "series": [
                        {"label": name, "values": [between(20, 90) for _ in range(5)]} for name in ("CPU", "memory")
                    ],
                }
            ],
            "timeline": [
                {
                    "at": f"{day(-60, -2)}T{between(0, 23):02d}:00:00Z",
                    "text": pick(["failover tested", "version upgraded", "member added"]),
                    "status": "ok",
                }
            ],
        },
    )


def main():
    racks = make_racks()
    servers = make_servers(racks, 92)
    clusters = [
        {
            "id": next_id(),
            "name": f"cluster-{service}-{env}",
            "type": pick(["Kubernetes", "Application", "Database"]),
            "environment": env,
            "members": [],
        }
        for service, _ in SERVICES[:9]
        for env in ("prod", "test")
    ]
    for server in servers:
        show_server(server)
    for rack in racks:
        show_rack(rack)
    for n in range(96):
        show_office_asset(n)
    for n in range(124):
        show_virtual_server(n, servers, clusters)
    for n in range(48):
        show_cloud_host(n)
    for cluster in clusters:
        show_cluster(cluster)
    # As an extension would print them: in no particular order, here by id as text.
    for record in sorted(records, key=lambda r: str(r["id"])):
        sys.stdout.buffer.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")


if __name__ == "__main__":
    main()
