//! What one object costs on its way, without a server: `cargo bench --bench hot`. It must not measure processes
//! (scripts/bench.sh does).
#![allow(clippy::unwrap_used, missing_docs, reason = "it is a benchmark")]

use std::{borrow::Cow, sync::Arc};

use divan::{Bencher, black_box, counter::ItemsCount};
use ralphext::{
    decision::RenewalPolicy,
    envelope::{Canonicaliser, Ignore, Sealer, parse_head},
    mapping::Mapper,
    model::{Block, Content, ContentType, Epoch, Fetched, ServiceName, Span, Version},
    pipeline::{Handler, Ledger, Now, Output, lead, parse},
    render::{Renderer, Sanitiser},
    settings::{RedisUrl, RenderOutput, Settings},
    store::{BatchBuilder, Keys},
};

fn main() {
    divan::main();
}

const NOW: Now = Now { unix_ms: 1_795_476_802_123, tick: 1 };
const OBJECTS: u64 = 100_000;
const BLOCK: u64 = 200;

/// About 1 KB of JSON as `json.dumps` prints it.
fn content(n: u64) -> String {
    let disk = |bay: u64| {
        format!(
            r#"{{"bay": {bay}, "kind": "NVMe", "size_gb": 7680, "serial_number": "D{:011}", "healthy": true}}"#,
            n * 31 + bay
        )
    };
    let port = |port: u64| {
        format!(
            r#"{{"name": "eno{port}", "mac": "02:00:00:00:00:0{port}", "address": "10.0.0.{n}", "speed_gbps": 25}}"#
        )
    };
    format!(
        r#"{{"hostname": "host-{n:07}.dc1.example.net", "serial_number": "SN{n:09}", "vendor": "Supermicro",
        "model": "AS-1114S-WN10RT", "location": {{"city": "Poznań", "room": "Sala 7", "rack": "R123", "position": 42}},
        "processors": [{{"model": "AMD EPYC 7713", "cores": 64, "mhz": 2000}}], "memory_gib": 512,
        "disks": [{}, {}, {}], "interfaces": [{}, {}], "load": 12.0625, "generation": 1, "remarks": null,
        "warranty": {{"until": "2028-01-15", "kind": "3y next business day", "supplier": "Example S.A."}}}}"#,
        disk(0),
        disk(1),
        disk(2),
        port(0),
        port(1)
    )
    .replace("\n        ", " ")
}

fn record(n: u64) -> String {
    format!(r#"{{"id": {n}, "content": {}}}"#, content(n))
}

fn service() -> ServiceName {
    ServiceName::new("bench").unwrap()
}

fn builder() -> BatchBuilder {
    BatchBuilder::new(Keys::new("ralphext", &service()), 86_400_000, 500, 1 << 20)
}

fn sealer() -> Sealer {
    Sealer::new(&service(), Ignore::default())
}

#[divan::bench]
fn canonicalise_1_kb(bencher: Bencher<'_, '_>) {
    let (text, mut canonicaliser, mut out) = (content(4711), Canonicaliser::default(), Vec::new());
    bencher.counter(divan::counter::BytesCount::of_str(&text)).bench_local(|| {
        out.clear();
        canonicaliser.json(black_box(&text), &mut out).unwrap();
    });
}

#[divan::bench]
fn canonicalise_1_kb_that_is_canonical(bencher: Bencher<'_, '_>) {
    let (mut canonicaliser, mut text, mut out) = (Canonicaliser::default(), Vec::new(), Vec::new());
    canonicaliser.json(&content(4711), &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    bencher.counter(divan::counter::BytesCount::of_str(&text)).bench_local(|| {
        out.clear();
        canonicaliser.json(black_box(&text), &mut out).unwrap();
    });
}

#[divan::bench]
fn record_in_the_usual_layout(bencher: Bencher<'_, '_>) {
    let record = record(4711);
    bencher.bench_local(|| lead(black_box(record.as_bytes())).unwrap().content().map(str::len));
}

#[divan::bench]
fn record_parsed_in_full(bencher: Bencher<'_, '_>) {
    let record = record(4711);
    bencher.bench_local(|| parse(black_box(record.as_bytes())).is_ok());
}

#[divan::bench]
fn seal(bencher: Bencher<'_, '_>) {
    let (text, mut sealer, mut out) = (content(4711), sealer(), Vec::new());
    let content = Content { content_type: ContentType::JSON, body: Cow::Borrowed(&text) };
    bencher.bench_local(|| {
        out.clear();
        sealer.prepare(black_box(&content)).unwrap();
        sealer.write(&mut out, "4711", Version(1_795_476_802_123), Epoch(1_795_476_802_000), NOW.unix_ms);
    });
}

#[divan::bench]
fn head(bencher: Bencher<'_, '_>) {
    let (text, mut sealer, mut out) = (content(4711), sealer(), Vec::new());
    sealer.prepare(&Content { content_type: ContentType::JSON, body: Cow::Borrowed(&text) }).unwrap();
    sealer.write(&mut out, "4711", Version(1_795_476_802_123), Epoch(1_795_476_802_000), NOW.unix_ms);
    bencher.bench_local(|| parse_head(black_box(&out)).unwrap());
}

#[divan::bench]
fn ledger_insert(bencher: Bencher<'_, '_>) {
    let ids: Vec<String> = (0..OBJECTS).map(|n| n.to_string()).collect();
    bencher.counter(ItemsCount::new(ids.len())).with_inputs(Ledger::default).bench_local_values(|mut ledger| {
        ids.iter().for_each(|id| {
            black_box(ledger.insert(id));
        });
        ledger
    });
}

#[divan::bench]
fn ledger_find(bencher: Bencher<'_, '_>) {
    let ids: Vec<String> = (0..OBJECTS).map(|n| n.to_string()).collect();
    let mut ledger = Ledger::default();
    ids.iter().for_each(|id| {
        ledger.insert(id);
    });
    bencher.counter(ItemsCount::new(ids.len())).bench_local(|| ids.iter().filter_map(|id| ledger.find(id)).count());
}

/// 500 values that are ready, into one batch.
#[divan::bench]
fn batch_of_500(bencher: Bencher<'_, '_>) {
    let (value, mut builder) = (content(4711), builder());
    bencher.counter(ItemsCount::new(500usize)).bench_local(|| {
        for slot in 0..500 {
            builder.set(slot, "4711", value.len(), |out| out.extend_from_slice(value.as_bytes()));
        }
        builder.take(Version(1_795_476_802_123))
    });
}

fn block() -> Fetched {
    let mut block = Block::default();
    for n in 0..BLOCK {
        let start = block.data.len() as u32;
        block.data.extend_from_slice(record(n).as_bytes());
        block.records.push(Span { start, end: block.data.len() as u32, line: n + 1 });
        block.data.push(b'\n');
    }
    Fetched::Block { origin: Arc::from("bench"), block }
}

fn handler() -> Handler {
    let settings = Settings::new(service(), RedisUrl::parse("redis://localhost").unwrap());
    let output = Output::Batches { builder: Box::new(builder()), ready: Vec::new() };
    let mut handler = Handler::new(&settings, sealer(), output, RenewalPolicy::Spread);
    handler.begin(true);
    handler
}

/// The whole journey of a block up to its batches.
#[divan::bench]
fn block_of_new_objects(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(BLOCK)).with_inputs(|| (handler(), block())).bench_local_values(
        |(mut handler, block)| {
            handler.take(block, NOW);
            handler
        },
    );
}

/// The skip fast path: the same block again.
#[divan::bench]
fn block_of_unchanged_objects(bencher: Bencher<'_, '_>) {
    let mut handler = handler();
    handler.take(block(), NOW);
    bencher.counter(ItemsCount::new(BLOCK)).with_inputs(block).bench_local_values(|block| {
        handler.begin(true);
        handler.take(block, NOW);
    });
}

/// A block of items, mapped as `map` says. With an unchanged list this comes on top of the skip fast path.
fn map_block(bencher: Bencher<'_, '_>, map: &str) {
    let mut mapper = Mapper::new(&serde_json::from_str(map).unwrap());
    bencher.counter(ItemsCount::new(BLOCK)).with_inputs(block).bench_local_values(|block| {
        mapper.begin(20_000);
        let mut out = mapper.take(block).unwrap_or_default();
        out.append(&mut mapper.finish());
        out
    });
}

/// Nothing but the id is looked for; the whole item is content.
#[divan::bench]
fn map_id(bencher: Bencher<'_, '_>) {
    map_block(bencher, r#"{"id": "/content/serial_number"}"#);
}

/// A card of six parts of the item.
#[divan::bench]
fn map_card(bencher: Bencher<'_, '_>) {
    map_block(
        bencher,
        r#"{"id": "/content/serial_number", "card": {"title": "{/content/vendor} {/content/model}",
            "status": {"by_date": "/content/warranty/until", "warning_before": "90d"},
            "fields": [{"label": "Memory", "from": "/content/memory_gib", "unit": "GiB"},
                {"label": "Rack", "from": "/content/location/rack"}, {"label": "Load", "from": "/content/load"}]}}"#,
    );
}

/// Items that are collected by their object until the end.
#[divan::bench]
fn map_group(bencher: Bencher<'_, '_>) {
    map_block(bencher, r#"{"id": {"from": "/content/hostname", "before": "."}, "group": true}"#);
}

/// A table of disks, as a tab may be made of the content above.
const TEMPLATE: &str = r#"<h2>{{ hostname }}</h2><p><span class="ralphext-badge ralphext-ok">{{ vendor }}</span> {{ memory_gib|number }} GiB</p>
<table class="ralphext-table"><thead><tr><th>Bay</th><th>Kind</th><th>Size</th></tr></thead><tbody>
{% for disk in disks %}<tr><td>{{ disk.bay }}</td><td>{{ disk.kind }}</td><td>{{ disk.size_gb }}</td></tr>
{% endfor %}</tbody></table>
<ul>{% for port in interfaces %}<li>{{ port.name }} {{ port.address }} <code>{{ port.mac }}</code></li>{% endfor %}</ul>
<p>Warranty until {{ warranty.until|date("%d.%m.%Y") }}, {{ warranty.supplier }}</p>"#;

fn renderer(output: RenderOutput, template: Option<&str>, report: bool) -> Renderer {
    let mut settings = Settings::new(service(), RedisUrl::parse("redis://localhost").unwrap());
    settings.render.template = template.map(str::to_owned);
    settings.render.output = output;
    settings.render.report = report;
    Renderer::new(&settings)
}

/// Template, sanitiser and report of a tab of 1 KB.
#[divan::bench]
fn render_html(bencher: Bencher<'_, '_>) {
    let (renderer, text) = (renderer(RenderOutput::Html, Some(TEMPLATE), true), content(4711));
    bencher.bench_local(|| renderer.record("4711", black_box(&text), None).unwrap().content.body.len());
}

/// The same without telling what was removed.
#[divan::bench]
fn render_html_without_report(bencher: Bencher<'_, '_>) {
    let (renderer, text) = (renderer(RenderOutput::Html, Some(TEMPLATE), false), content(4711));
    bencher.bench_local(|| renderer.record("4711", black_box(&text), None).unwrap().content.body.len());
}

/// The template alone.
#[divan::bench]
fn render_text(bencher: Bencher<'_, '_>) {
    let (renderer, text) = (renderer(RenderOutput::Text, Some(TEMPLATE), true), content(4711));
    bencher.bench_local(|| renderer.record("4711", black_box(&text), None).unwrap().content.body.len());
}

/// HTML that is clean already.
#[divan::bench]
fn sanitise_clean_html(bencher: Bencher<'_, '_>) {
    let (renderer, text) = (renderer(RenderOutput::Html, Some(TEMPLATE), true), content(4711));
    let html = renderer.record("1", &text, None).unwrap();
    let (sanitiser, html) = (Sanitiser::new(&[], true), html.content.body.into_owned());
    bencher.bench_local(|| sanitiser.clean(black_box(&html)).unwrap().0.len());
}
