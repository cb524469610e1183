//! Files of rows and columns: CSV in any dress, spreadsheets, and what is wrong with them.

use std::{fs, io::Write as _, process::Command};

use serde_json::json;

use crate::harness::{Ext, Redis, always, repository};
use std::time::Duration;

/// A service on the table `name`, which is read at once.
fn table(redis: &Redis, name: &str) -> Ext {
    let ext = Ext::new(redis);
    let path = ext.path(name).display().to_string();
    ext.set("source.path", path).set("source.table.settle", "0s")
}

#[test]
fn csv_in_any_dress() {
    let redis = Redis::start();
    let ext = table(&redis, "a.csv");
    ext.write("a.csv", "id,vendor,miejsce\n1,\"Dell, Inc.\",Łódź\n\n2,HP,\n");
    ext.once().expect(0).counts(&[("written", 2), ("failed", 0)]);
    assert_eq!(redis.object("hwinfo", "1").content(), &json!({"vendor": "Dell, Inc.", "miejsce": "Łódź"}));
    assert_eq!(redis.object("hwinfo", "2").content()["miejsce"], json!(null));
    // The same out of an office program in Poland: semicolons, its code page, spaces, lines of Windows.
    let text = "id;vendor;miejsce\r\n 1 ;Dell, Inc.;Łódź\r\n2;HP;\r\n;;\r\n";
    let bytes: Vec<u8> = text
        .chars()
        .map(|c| match c {
            'Ł' => 0xa3,
            'ó' => 0xf3,
            'ź' => 0x9f,
            c => c as u8,
        })
        .collect();
    fs::write(ext.path("a.csv"), bytes).expect("a file");
    let ext = ext.set("source.table.encoding", "windows-1250");
    ext.once().expect(0).counts(&[("written", 0), ("skipped", 2)]);
    let tabs = table(&redis, "a.tsv");
    tabs.write("a.tsv", "\u{feff}id\tvendor\tmiejsce\n1\tDell, Inc.\tŁódź\n2\tHP\t\n");
    tabs.once().expect(0).counts(&[("written", 0), ("skipped", 2)]);
    // Rows above the header, and columns that match.
    let above = table(&redis, "b.csv").set("source.table.header_row", 2);
    above.write("b.csv", "Printed on Monday\nid,vendor,miejsce\n1,\"Dell, Inc.\",Łódź\n2,HP,\n");
    above.once().expect(0).counts(&[("written", 0), ("skipped", 2)]);
}

#[test]
fn rows_that_are_wrong_are_told_by_their_line() {
    let redis = Redis::start();
    let ext = table(&redis, "a.csv");
    ext.write("a.csv", "id,vendor\n1,Dell\n2,HP,and,more\n,IBM\na:b,Sun\n3,Cray\n4\n");
    let outcome = ext.once().expect(1);
    outcome.counts(&[("written", 2), ("failed", 4), ("removed", 0)]);
    for said in ["a.csv:3", "it has 4 cells, and 2 columns have a name", "a.csv:4", "the column id is empty", "a.csv:5"]
    {
        assert!(outcome.stderr.contains(said), "{said}: {}", outcome.stderr);
    }
}

#[test]
fn files_that_are_no_tables_are_clear_errors_and_remove_nothing() {
    let redis = Redis::start();
    let ext = table(&redis, "a.csv");
    ext.write("a.csv", "id,vendor\n1,Dell\n");
    ext.once().expect(0).counts(&[("written", 1)]);
    for (text, said) in [
        ("", "has no row with the names of columns"),
        ("id,vendor,id\n1,Dell,2\n", "there are two columns id"),
        ("id,,vendor\n1,a,Dell\n", "has a column without a name, number 2"),
        ("name,vendor\n1,Dell\n", "there is no column id, nor one to match objects by"),
    ] {
        ext.write("a.csv", text);
        let outcome = ext.once().expect(3);
        assert!(outcome.stderr.contains(said), "{said}: {}", outcome.stderr);
        outcome.counts(&[("removed", 0)]);
    }
    let sheet = table(&redis, "a.xlsx");
    sheet.write("a.xlsx", "this is no spreadsheet");
    let outcome = sheet.once().expect(3);
    assert!(outcome.stderr.contains("is no spreadsheet"), "{}", outcome.stderr);
    let script = repository().join("examples/warranty-xlsx/make-xlsx.py");
    let made = Command::new("python3").arg(&script).arg(sheet.path("a.xlsx")).status().expect("python3");
    assert!(made.success());
    let sheet = sheet.set("source.map.id", "Asset no").set("source.table.sheet", "Missing");
    let outcome = sheet.once().expect(3);
    assert!(outcome.stderr.contains("has no sheet \\\"Missing\\\"; it has Warranty"), "{}", outcome.stderr);
    sheet.unset("source.table.sheet").once().expect(0).counts(&[("objects", 3)]);
    assert_eq!(redis.object("hwinfo", "4711").content()["Price (EUR)"], 8420.5);
}

#[test]
fn a_bomb_is_not_unpacked() {
    let redis = Redis::start();
    let ext = table(&redis, "bomb.xlsx").set("source.table.max_size", "8MiB");
    let file = fs::File::create(ext.path("bomb.xlsx")).expect("a file");
    let mut book = zip::ZipWriter::new(file);
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    book.start_file("xl/worksheets/sheet1.xml", options).expect("a part");
    let zeros = vec![b'0'; 1 << 20];
    for _ in 0..200 {
        book.write_all(&zeros).expect("zeros");
    }
    book.finish().expect("a spreadsheet");
    let outcome = ext.once().expect(3);
    assert!(outcome.stderr.contains("has more than 8MiB unpacked"), "{}", outcome.stderr);
}

#[test]
fn two_cells_at_the_ends_of_a_sheet_are_two_cells() {
    let redis = Redis::start();
    let ext = table(&redis, "wide.xlsx");
    let script = repository().join("examples/warranty-xlsx/make-xlsx.py");
    let made = Command::new("python3").arg(&script).arg(ext.path("base.xlsx")).status().expect("python3");
    assert!(made.success());
    // The same book with another sheet in it: a header, one row, and a cell in the last row and column there can be.
    let edit = "import sys, zipfile\n\
        old = zipfile.ZipFile(sys.argv[1])\n\
        new = zipfile.ZipFile(sys.argv[2], 'w')\n\
        text = lambda at, t: f'<c r=\"{at}\" t=\"inlineStr\"><is><t>{t}</t></is></c>'\n\
        rows = f'<row r=\"1\">{text(\"A1\", \"id\")}{text(\"B1\", \"vendor\")}</row><row r=\"2\">{text(\"A2\", \"1\")}{text(\"B2\", \"Dell\")}</row>'\n\
        rows += f'<row r=\"1048576\">{text(\"XFD1048576\", \"x\")}</row>'\n\
        ns = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'\n\
        for name in old.namelist():\n\
        \x20   sheet = name.endswith('sheet1.xml')\n\
        \x20   data = f'<worksheet xmlns=\"{ns}\"><sheetData>{rows}</sheetData></worksheet>' if sheet else old.read(name)\n\
        \x20   new.writestr(name, data)\n\
        new.close()\n";
    let edited =
        Command::new("python3").args(["-c", edit]).arg(ext.path("base.xlsx")).arg(ext.path("wide.xlsx")).status();
    assert!(edited.expect("python3").success());
    let outcome = ext.once().expect(1);
    outcome.counts(&[("written", 1), ("failed", 1)]);
    assert!(outcome.stderr.contains("wide.xlsx:1048576"), "{}", outcome.stderr);
}

#[test]
fn a_file_that_is_being_saved_is_waited_for() {
    let redis = Redis::start();
    let ext = table(&redis, "a.csv").set("source.table.settle", "1s").briskly();
    let mut file = fs::OpenOptions::new().create(true).append(true).open(ext.path("a.csv")).expect("a file");
    file.write_all(b"id,vendor\n1,Dell\n").expect("half of it");
    let mut sidecar = ext.run();
    for _ in 0..6 {
        std::thread::sleep(Duration::from_millis(300));
        file.write_all(b"2,HP\n").expect("a moment's pause");
        file.set_len("id,vendor\n1,Dell\n".len() as u64).expect("as before");
    }
    file.write_all(b"2,HP\n3,Cray\n").expect("the rest");
    drop(file);
    sidecar.wait_until("all is there", || redis.objects("hwinfo").len() == 3);
    always("and stays", Duration::from_secs(1), || redis.objects("hwinfo").len() == 3);
    sidecar.stop().expect(0);
}
