//! The container image: what is in it and how large it is, and that it works as nobody in particular, on a root that cannot be
//! written.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::run;
use crate::harness::{DEADLINE, Outcome, PASSWORD, Redis, Running, ndjson, records, repository, user_of};

/// The most that all layers together may have, compressed.
const MOST: u64 = 15_000_000;

/// An image that was packed and unpacked again.
struct Image {
    _dir: TempDir,
    root: PathBuf,
    /// The bytes of all layers.
    size: u64,
    config: Value,
}

fn image() -> Image {
    let dir = TempDir::new().expect("a directory");
    let told = run(Command::new(repository().join("scripts/image.sh")).arg("--out").arg(dir.path()));
    let archive = told.lines().last().expect("the archive");
    let (layout, root) = (dir.path().join("layout"), dir.path().join("root"));
    [&layout, &root].iter().for_each(|path| fs::create_dir(path).expect("a directory"));
    run(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(&layout));
    let blob = |digest: &Value| layout.join("blobs").join(digest.as_str().expect("a digest").replace(':', "/"));
    let read = |path: PathBuf| -> Value { serde_json::from_slice(&fs::read(path).expect("a blob")).expect("JSON") };
    let manifest = read(blob(&read(layout.join("index.json"))["manifests"][0]["digest"]));
    let layers = manifest["layers"].as_array().expect("layers");
    for layer in layers {
        run(Command::new("tar").arg("-xzf").arg(blob(&layer["digest"])).arg("-C").arg(&root));
    }
    let size = layers.iter().filter_map(|layer| layer["size"].as_u64()).sum();
    Image { root, size, config: read(blob(&manifest["config"]["digest"]))["config"].clone(), _dir: dir }
}

/// Runs the image's program in its root, which is read-only, as its user, with nothing but `env`.
fn within(root: &Path, words: &[&str], env: &[(&str, &str)], input: &str) -> Outcome {
    // As a container's runtime does it: /proc is mounted, then nothing can be written any more.
    let script = "mount --bind \"$0\" \"$0\"; mkdir -p \"$0/proc\"; mount --rbind /proc \"$0/proc\"; mount -o remount,ro,bind \"$0\"; \
                  exec chroot --userspec=65532:65532 --groups= \"$0\" /ralphext \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", script]).arg(root).args(words).env_clear();
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").envs(env.iter().copied());
    Running::spawn(&mut command, Some(input.to_owned())).finish(DEADLINE)
}

#[test]
#[ignore = "make test-all: needs buildah, and to be root"]
fn the_image_is_small_complete_and_works_as_nobody_on_a_read_only_root() {
    let image = image();
    let config = &image.config;
    assert_eq!((&config["User"], &config["Entrypoint"]), (&json!("65532:65532"), &json!(["/ralphext"])));
    assert_eq!((&config["Cmd"], &config["ExposedPorts"]), (&json!(["run"]), &json!({"9782/tcp": {}})));
    assert_eq!(config["Labels"]["org.opencontainers.image.version"], env!("CARGO_PKG_VERSION"));
    let binary = fs::metadata(image.root.join("ralphext")).expect("the program").len();
    println!("image: {} bytes in all layers, the binary has {binary}", image.size);
    assert!(image.size < MOST, "{} bytes", image.size);
    let mut files: Vec<String> = run(Command::new("find").arg(".").args(["-type", "f"]).current_dir(&image.root))
        .lines()
        .map(str::to_owned)
        .collect();
    files.sort();
    let wanted = [
        "./etc/group",
        "./etc/nsswitch.conf",
        "./etc/passwd",
        "./etc/ssl/certs/ca-certificates.crt",
        "./licenses/LICENSE",
        "./licenses/THIRD-PARTY.txt",
        "./licenses/sbom.cdx.json",
        "./ralphext",
    ];
    assert_eq!(files, wanted, "and nothing else");

    let redis = Redis::start();
    let (url, user) = (redis.url(), user_of("hwinfo"));
    let env = [
        ("RALPHEXT__SERVICE", "hwinfo"),
        ("RALPHEXT__SOURCE__KIND", "stdin"),
        ("RALPHEXT__REDIS__URL", &url),
        ("RALPHEXT__REDIS__USERNAME", &user),
        ("RALPHEXT__REDIS__PASSWORD", PASSWORD),
    ];
    let version = within(&image.root, &["--version"], &[], "").expect(0);
    assert_eq!(version.stdout.trim(), format!("ralphext {}", env!("CARGO_PKG_VERSION")));
    within(&image.root, &["install", "/copy"], &[], "").expect(2).says(&["/copy", "Read-only file system"]);
    within(&image.root, &["once", "--complete"], &env, &ndjson(&records(10, 1))).expect(0);
    assert_eq!(redis.count("hwinfo"), 10);
}

#[test]
#[ignore = "make test-all: needs the sources of all crates"]
fn the_bill_of_materials_names_what_is_linked_in_and_nothing_else() {
    let dir = TempDir::new().expect("a directory");
    let make = |name: &str| {
        let out = dir.path().join(name);
        run(Command::new(repository().join("scripts/sbom.py")).arg(&out).env("SOURCE_DATE_EPOCH", "1764000000"));
        fs::read_to_string(out.join("sbom.cdx.json")).expect("it is there")
    };
    let text = make("one");
    assert_eq!(text, make("two"), "the same input gives the same bytes");
    let bill: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&json!("CycloneDX"), &json!("1.5")));
    let components = bill["components"].as_array().expect("components");
    let has = |name: &str| components.iter().any(|one| one["name"] == name);
    assert!(["redis", "tokio", "ammonia", "libsqlite3-sys"].into_iter().all(has));
    assert!(!["proptest", "divan", "serde_derive", "cc", "ralphext"].into_iter().any(has), "tests, builds, macros");
    let lock = fs::read_to_string(repository().join("Cargo.lock")).expect("Cargo.lock");
    let notices = fs::read_to_string(dir.path().join("one/THIRD-PARTY.txt")).expect("it is there");
    for one in components {
        let (name, version) = (one["name"].as_str().expect("a name"), one["version"].as_str().expect("a version"));
        let hash = one["hashes"][0]["content"].as_str().expect("a hash");
        assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"")) && lock.contains(hash), "{one}");
        assert!(one["licenses"][0]["expression"].is_string(), "{one}");
        assert!(notices.contains(&format!("{name} {version} (")), "{name} has no notice");
    }
}
