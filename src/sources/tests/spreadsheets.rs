//! A spreadsheet that did not change is not parsed again.

use std::{fs, path::Path};

use super::{
    super::{Options, build},
    fetch,
};
use crate::{
    model::Ending,
    settings::{self, HumanDuration, Limits, SourceKind},
};

#[tokio::test]
async fn a_spreadsheet_is_parsed_when_it_changed_or_somebody_wants_it() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/warranty-xlsx/warranty.xlsx");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("warranty.xlsx");
    fs::copy(example, &path).expect("a copy");
    let edit = "import sys, zipfile\n\
        old = zipfile.ZipFile(sys.argv[1])\n\
        new = zipfile.ZipFile(sys.argv[2], 'w')\n\
        [new.writestr(name, old.read(name).replace(b'Dell', b'Bell')) for name in old.namelist()]\n\
        new.close()\n";
    let mut settings =
        settings::Source { kind: SourceKind::File, path: Some(path.clone()), ..settings::Source::default() };
    settings.map = Some(serde_json::from_str(r#"{"id": "Asset no"}"#).expect("a mapping"));
    settings.table = Some(settings::Table { settle: HumanDuration::from_secs(0), ..settings::Table::default() });
    let mut source = build(&settings, &Limits::default(), &Options::default()).expect("a source");

    let (first, ending) = fetch(source.as_mut()).await;
    assert!(first.records.len() > 2 && ending.is_ok_and(|ending| ending == Ending::Complete));
    for _ in 0..2 {
        let (got, ending) = fetch(source.as_mut()).await;
        assert_eq!((got.records.len(), ending.ok()), (0, Some(Ending::Unchanged)));
    }
    source.forget();
    let (again, ending) = fetch(source.as_mut()).await;
    assert_eq!((again.records.len(), ending.ok()), (first.records.len(), Some(Ending::Complete)));

    let other = dir.path().join("other.xlsx");
    let made = std::process::Command::new("python3").args(["-c", edit]).arg(&path).arg(&other).status();
    assert!(made.is_ok_and(|status| status.success()));
    fs::rename(&other, &path).expect("replaced");
    let (changed, ending) = fetch(source.as_mut()).await;
    assert_eq!(ending.ok(), Some(Ending::Complete));
    assert_ne!(changed.texts(), first.texts());
}
