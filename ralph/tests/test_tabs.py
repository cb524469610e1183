"""The tabs in a Django project with Ralph's shape, against a real Redis that the real sidecar wrote into."""

import json
import os
import re
import sys
import time
import unittest
from datetime import datetime, timedelta, timezone

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project")

import django  # noqa: E402
import project  # noqa: E402,F401
from harness import Server  # noqa: E402

django.setup()
os.environ["TABS_READY"] = "1"
import importlib  # noqa: E402

importlib.reload(project)

from django.contrib.auth.models import Permission, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.template import Context, Template  # noqa: E402
from django.test import Client, TestCase, override_settings  # noqa: E402
from django.test.utils import get_runner, setup_test_environment  # noqa: E402,F401
from django.utils import translation  # noqa: E402

import ralph_ext_tabs  # noqa: E402
from ralph.assets.models import Region  # noqa: E402
from ralph.back_office.models import BackOfficeAsset  # noqa: E402
from ralph.data_center.models import DataCenterAsset, Rack  # noqa: E402

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e\u200b&\"'"


def setUpModule():
    setup_test_environment()
    call_command("migrate", run_syncdb=True, verbosity=0)


class Tabs(TestCase):
    """Each test has a Redis of its own."""

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.asset = DataCenterAsset.objects.create(hostname="web1")
        self.id = str(self.asset.pk)
        self.set()
        User.objects.create_superuser("admin", "a@example.net", "admin")
        self.client.login(username="admin", password="admin")

    def set(self, **more):
        settings = dict({"REDIS": {"URL": self.server.url}, "TABS": {"cost": "Cost"}, "TIMEOUT": 0.5}, **more)
        overridden = override_settings(RALPH_EXT_TABS=settings)
        overridden.enable()
        self.addCleanup(overridden.disable)

    def get(self, asset=None, tab="extensions", **query):
        asset = asset or self.asset
        meta = asset._meta
        return self.client.get("/%s/%s/%s/%s/" % (meta.app_label, meta.model_name, asset.pk, tab), query)

    def shown(self, **where):
        response = self.get(**where)
        self.assertEqual(response.status_code, 200)
        return response.content.decode("utf-8")

    def test_one_tab_has_a_section_for_each_service(self):
        self.server.write("hwinfo", [{"id": self.id, "content": {"ram_gib": 256, "disks": [{"bay": 1}], "none": None}}])
        self.server.write("notes", [{"id": self.id, "content": "a < b"}], content={"content_type": "text"})
        self.server.write("other", [{"id": "99999", "content": {}}])
        page = self.shown()
        self.assertIn("<h2 id=\"ext-hwinfo-title\">Hwinfo</h2>", page)
        self.assertIn("<dt>ram_gib</dt><dd>256", page)
        self.assertIn("<pre>a &lt; b</pre>", page)
        self.assertNotIn("ext-other", page)
        self.assertIn("as of ", page)
        self.assertNotIn("updates stopped", page)

    def test_a_card_is_drawn_with_all_its_parts(self):
        card = {
            "title": "Storage",
            "status": "warning",
            "summary": "One disk is worn out.",
            "badges": [{"text": "RAID 1", "status": "ok"}],
            "fields": [
                {"label": "Wear", "value": 97, "unit": "%", "status": "critical"},
                {"label": "Wiki", "value": "PERC", "link": "https://wiki.example.net/perc"},
                {"label": "Scrub", "value": None},
            ],
            "tables": [{"title": "Disks", "columns": ["Slot", "Wear"], "rows": [["a", 12], ["b", 97.5]]}],
            "charts": [
                {"title": "Wear", "labels": ["1", "2", "3"], "series": [{"label": "a", "values": [1, None, 3]}]},
                {"kind": "bar", "labels": ["1"], "series": [{"label": "b", "values": [-1e308]}]},
            ],
            "timeline": [{"at": "2026-11-20T08:15:00+01:00", "text": "worn", "status": "warning"}],
            "links": [{"label": "Runbook", "url": "https://wiki.example.net/disks"}],
        }
        self.server.write("storage", [{"id": self.id, "content": card}], content={"content_type": "card"})
        page = self.shown()
        for part in (
            '<article class="ralphext-card ralphext-warning">',
            '<dd class="ralphext-critical">97&nbsp;%</dd>',
            '<a href="https://wiki.example.net/perc" rel="noopener noreferrer" target="_blank">PERC</a>',
            '<td class="ralphext-number">97.5</td>',
            "<caption>Disks</caption>",
            '<circle class="ralphext-dot"',
            '<rect class="ralphext-bar"',
            '<time datetime="2026-11-20T07:15:00+00:00">',
            "Runbook</a>",
        ):
            self.assertIn(part, page)

    def test_html_is_only_shown_in_a_frame_that_runs_nothing(self):
        html = [{"id": self.id, "content": "<b>bold</b><script>x()</script>"}]
        self.server.write("page", html, content={"content_type": "html"})
        page = self.shown()
        frame = re.search(r"<iframe[^>]*>", page).group(0)
        self.assertIn('sandbox="allow-popups allow-popups-to-escape-sandbox"', frame)
        self.assertIn("default-src &#x27;none&#x27;" if "&#x27;" in frame else "default-src &#39;none&#39;", frame)
        self.assertIn("&lt;b&gt;bold&lt;/b&gt;", frame)
        self.assertNotIn("<b>bold</b>", page)
        self.assertNotIn("x()", page)

    def test_hostile_values_show_as_text(self):
        """Also those that no sidecar wrote."""
        client = self.server.client()
        for service, kind, encoding, content in (
            ("one", "application/json", "json", {HOSTILE: [HOSTILE, {"a": HOSTILE}]}),
            ("two", "application/vnd.ralphext.card+json", "json", {
                "title": HOSTILE,
                "status": HOSTILE,
                "summary": HOSTILE,
                "badges": [{"text": HOSTILE, "status": HOSTILE}, 3],
                "fields": [{"label": HOSTILE, "value": HOSTILE, "unit": HOSTILE, "link": "javascript:alert(1)"}],
                "tables": [{"title": HOSTILE, "columns": [HOSTILE], "rows": [[HOSTILE], [1, 2], 3]}],
                "charts": [{"title": HOSTILE, "labels": [HOSTILE], "series": [{"label": HOSTILE, "values": [1e308]}]}],
                "timeline": [{"at": HOSTILE, "text": HOSTILE, "link": "data:text/html,x"}],
                "links": [{"label": HOSTILE, "url": "JAVASCRIPT:alert(1)"}],
            }),
            ("three", "text/plain", "utf-8", HOSTILE),
            ("four", "text/html", "utf-8", '"></iframe><script>alert(3)</script>'),
            ("five", "image/svg+xml", "utf-8", "<svg onload=alert(4)>"),
            ("six", "image/png", "base64", "\"><script>alert(5)</script>"),
            ("seven", "application/json", "json", json.loads("[" * 300 + "]" * 300)),
        ):
            envelope = {
                "schema": "envelope.v1", "version": 1, "epoch": 1, "changed_at": HOSTILE, "hash": "0" * 64,
                "service": service, "object_id": self.id, "content_type": kind, "encoding": encoding, "content": content,
            }
            client.set("ralphext:v1:%s:%s" % (service, self.id), json.dumps(envelope))
            client.zadd("ralphext:v1", {service: 1})
            about = {"schema": "service.v1", "title": HOSTILE, "docs_url": "javascript:alert(6)", "description": HOSTILE,
                     "last_error": {"message": HOSTILE, "since": "x"}, "as_of": 5, "heartbeat_every": "x", "models": 7}
            client.set("ralphext:v1:%s" % service, json.dumps(about))
        page = self.shown()
        self.assertEqual(page.count("<section"), 7)
        for bad in ("<script", "<img src=x", "javascript:", "JAVASCRIPT:", "<svg onload", "data:text/html", "</iframe><script"):
            self.assertNotIn(bad, page.replace("alt=\"&lt;", ""), bad)

    def test_values_that_are_not_the_pages_or_not_known_are_refused(self):
        client = self.server.client()
        self.server.write("hwinfo", [{"id": "1234", "content": {"secret": "of another"}}])
        client.set("ralphext:v1:hwinfo:" + self.id, client.get("ralphext:v1:hwinfo:1234"))
        for service, raw in (("a", b"no json"), ("b", b"[1]"), ("c", b'{"schema":"envelope.v9","object_id":"%s"}' % self.id.encode()),
                             ("d", b"\xff"), ("e", b"[" * 100000), ("f", b"x" * (9 << 20)), ("g", b'{"schema":"envelope.v1"}')):
            client.set("ralphext:v1:%s:%s" % (service, self.id), raw)
            client.zadd("ralphext:v1", {service: 1})
        client.zadd("ralphext:v1", {b"\xff\x00": 1, "ralph:session": 1})
        client.lpush("ralphext:v1:h:" + self.id, 1)
        client.zadd("ralphext:v1", {"h": 1})
        page = self.shown()
        self.assertNotIn("of another", page)
        self.assertIn("No extension says anything of this object.", page)

    def test_ages_are_told_and_nothing_unexpired_is_hidden(self):
        self.server.write("hwinfo", [{"id": self.id, "content": {"a": 1}}])
        client = self.server.client()
        key = "ralphext:v1:hwinfo"
        about = json.loads(client.get(key).decode())
        now = datetime.now(timezone.utc)

        def ago(**span):
            return (now - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%S.000Z")

        for change, said in (
            ({"heartbeat_at": ago(minutes=5), "heartbeat_every": 5, "status": "ok"}, "updates stopped"),
            ({"heartbeat_at": ago(seconds=2), "heartbeat_every": 5, "status": "stopped"}, "updates stopped"),
            ({"last_error": {"since": ago(days=2), "message": "no route"}, "status": "failing"}, "source failing since"),
            ({"as_of": ago(days=9), "stale_after": 60}, "as of"),
        ):
            client.set(key, json.dumps(dict(about, **change)))
            page = self.shown()
            self.assertIn(said, page)
            self.assertIn("ralphext-badge ralphext-warning", page, said)
            self.assertIn("<dt>a</dt>", page)
        client.delete(key)
        page = self.shown()
        self.assertIn("nothing is known of its updates", page)
        self.assertIn("<dt>a</dt>", page)

    def test_files_are_downloads(self):
        import base64

        pdf = b"%PDF-1.4 x\xff"
        content = [{"id": self.id, "content": base64.b64encode(pdf).decode(), "content_type": "application/pdf"}]
        self.server.write("outprint", content)
        self.assertIn("?ext_download=outprint", self.shown())
        response = self.get(ext_download="outprint")
        self.assertEqual((response.status_code, response.content), (200, pdf))
        self.assertEqual(response["Content-Disposition"], 'attachment; filename="outprint.pdf"')
        self.assertEqual(response["X-Content-Type-Options"], "nosniff")
        self.assertEqual(self.get(ext_download="nobody").status_code, 404)

    def test_services_with_a_tab_of_their_own(self):
        self.server.write("cost", [{"id": self.id, "content": {"eur": 12}}])
        self.server.write("hwinfo", [{"id": self.id, "content": {"a": 1}}])
        self.assertNotIn("eur", self.shown())
        own = self.shown(tab="ext-cost")
        self.assertIn("<dt>eur</dt>", own)
        self.assertNotIn("hwinfo", own)
        self.assertEqual(self.get(ext_download="cost").status_code, 404)

    def test_a_tab_follows_permissions_and_regions(self):
        pl, de = Region.objects.create(name="pl"), Region.objects.create(name="de")
        mine = BackOfficeAsset.objects.create(region=pl)
        theirs = BackOfficeAsset.objects.create(region=de)
        self.server.write("hwinfo", [{"id": asset.pk, "content": {"a": 1}} for asset in (mine, theirs)])
        user = User.objects.create_user("u", "u@example.net", "u", is_staff=True)
        pl.users.add(user)
        client = Client()
        address = "/back_office/backofficeasset/%s/extensions/"
        self.assertEqual(client.get(address % mine.pk).status_code, 302, "not logged in")
        client.login(username="u", password="u")
        self.assertEqual(client.get(address % mine.pk).status_code, 403)
        name = "can_view_extra_extensionsbackofficebackofficeasset"
        user.user_permissions.add(Permission.objects.get(codename=name))
        self.assertEqual(client.get(address % mine.pk).status_code, 200)
        response = client.get(address % theirs.pk)
        self.assertEqual((response.status_code, response["Location"]), (302, ".."))
        response = client.get(address % theirs.pk, {"ext_download": "hwinfo"})
        self.assertEqual(response.status_code, 302)

    def test_models_with_ids_of_their_own(self):
        rack = Rack.objects.create(name="R1")
        self.server.write("racks", [{"id": "data_center.rack.%s" % rack.pk, "content": {"units": 42}}])
        self.server.write("hwinfo", [{"id": str(rack.pk), "content": {"wrong": 1}}])
        page = self.shown(asset=rack)
        self.assertIn("units", page)
        self.assertNotIn("wrong", page)

    def test_a_redis_that_is_away_or_frozen_costs_its_limit_once(self):
        self.set(TIMEOUT=0.2, REST=60.0)
        self.server.write("hwinfo", [{"id": self.id, "content": {"a": 1}}])
        self.assertIn("hwinfo", self.shown())
        self.server.freeze()
        begun = time.monotonic()
        self.assertIn("Extensions cannot be shown at the moment.", self.shown())
        first = time.monotonic() - begun
        begun = time.monotonic()
        for _ in range(20):
            self.assertIn("cannot be shown", self.shown())
        rest = time.monotonic() - begun
        self.assertGreater(first, 0.2)
        self.assertLess(rest, 20 * 0.2, "twenty pages did not wait for the limit each")
        self.server.thaw()

    def test_it_comes_back_after_its_rest(self):
        self.set(TIMEOUT=0.2, REST=0.1)
        self.server.write("hwinfo", [{"id": self.id, "content": {"a": 1}}])
        self.server.freeze()
        self.assertIn("cannot be shown", self.shown())
        self.server.thaw()
        for _ in range(100):
            if "ext-hwinfo" in self.shown():
                break
            time.sleep(0.1)
        self.assertIn("ext-hwinfo", self.shown())

    def test_one_round_trip_a_page_and_one_mget_for_a_list(self):
        ids = [str(number) for number in range(1, 101)]
        self.server.write("hwinfo", [{"id": i, "content": {"n": i}} for i in ids])
        client = self.server.client()
        self.shown()
        before = client.info("commandstats")
        self.shown()
        found = ralph_ext_tabs.many("hwinfo", ids + ["none", "bad id", "1"])
        after = client.info("commandstats")
        self.assertEqual(len(found), 100)
        self.assertEqual(found["7"].envelope.content, {"n": "7"})
        calls = {name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"] for name in after}
        self.assertEqual({name: n for name, n in calls.items() if n and "info" not in name}, {"cmdstat_mget": 2})

    def test_template_tags_work_without_ralph(self):
        self.server.write("hwinfo", [{"id": self.id, "content": {"a": 1}}])
        text = '{% load ralph_ext_tabs %}{% ext_style %}{% ext_sections of %}|{% ext_section of "hwinfo" %}|{% ext_section "x y" "hwinfo" %}'
        out = Template(text).render(Context({"of": self.asset}))
        both, one, none = out.split("|")
        self.assertIn("ralph_ext_tabs/tabs.css", both)
        self.assertTrue("<dt>a</dt>" in both and "<dt>a</dt>" in one)
        self.assertIn("No extension says anything", none)

    def test_polish(self):
        with translation.override("pl"):
            out = Template('{% load ralph_ext_tabs %}{% ext_sections "1" %}').render(Context())
        self.assertIn("Żadne rozszerzenie nic nie mówi o tym obiekcie.", out)

    def test_ralphs_own_connection_is_used(self):
        self.server.write("hwinfo", [{"id": self.id, "content": {"a": 1}}])
        ralphs = {"HOST": "127.0.0.1", "PORT": self.server.port, "DB": 0, "PASSWORD": None, "TIMEOUT": 10.0}
        with override_settings(REDIS_CONNECTION=ralphs):
            self.set(REDIS=None)
            self.assertIn("<dt>a</dt>", self.shown())


if __name__ == "__main__":
    unittest.main()
