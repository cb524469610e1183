//! The scaffold's files, filled in. It must not write them.

use super::{Ci, Kind, Language};

/// What was asked.
#[derive(Debug)]
pub struct Scaffold {
    /// With hyphens: the service.
    pub name: String,
    /// Heading of the tab.
    pub title: String,
    /// Model in Ralph.
    pub model: String,
    /// Kind of source.
    pub kind: Kind,
    /// Language of the sample.
    pub language: Language,
    /// Which CI files.
    pub ci: Ci,
}

/// One file.
#[derive(Debug)]
pub struct File {
    /// Below the scaffold's root.
    pub path: &'static str,
    /// What it holds.
    pub text: String,
    /// It can be run.
    pub is_program: bool,
}

impl Scaffold {
    /// All files.
    pub fn files(&self) -> Vec<File> {
        let (program, text) = self.extension();
        let file = |path, text: &str| File { path, text: self.fill(text), is_program: false };
        let config = [include_str!("files/ralphext.toml"), self.source(), include_str!("files/ralphext.end.toml")];
        let mut files = vec![
            File { path: program, text: self.fill(&text), is_program: true },
            File { path: "tests/test.sh", text: self.fill(include_str!("files/test.sh")), is_program: true },
            file("ralphext.toml", &config.concat()),
            file("Dockerfile", include_str!("files/Dockerfile")),
            file("values.yaml", include_str!("files/values.yaml")),
            file("README.md", include_str!("files/README.md")),
            file(".gitignore", include_str!("files/gitignore")),
        ];
        if matches!(self.ci, Ci::Github | Ci::Both) {
            files.push(file(".github/workflows/test.yml", include_str!("files/github.yml")));
        }
        if matches!(self.ci, Ci::Gitlab | Ci::Both) {
            files.push(file(".gitlab-ci.yml", include_str!("files/gitlab.yml")));
        }
        files
    }

    fn source(&self) -> &'static str {
        match self.kind {
            Kind::Exec => include_str!("files/source/exec.toml"),
            Kind::File => include_str!("files/source/file.toml"),
            Kind::Stream => include_str!("files/source/stream.toml"),
            Kind::Push => include_str!("files/source/push.toml"),
        }
    }

    fn extension(&self) -> (&'static str, String) {
        let (path, records, own) = match (self.language, self.kind) {
            (Language::Python, kind) => {
                let own = match kind {
                    Kind::Exec => include_str!("files/python/exec.py"),
                    Kind::File => include_str!("files/python/file.py"),
                    Kind::Stream => include_str!("files/python/stream.py"),
                    Kind::Push => include_str!("files/python/push.py"),
                };
                ("extension.py", include_str!("files/python/records.py"), own)
            }
            (Language::Sh, kind) => {
                let own = match kind {
                    Kind::Exec => include_str!("files/sh/exec.sh"),
                    Kind::File => include_str!("files/sh/file.sh"),
                    Kind::Stream => include_str!("files/sh/stream.sh"),
                    Kind::Push => include_str!("files/sh/push.sh"),
                };
                ("extension.sh", include_str!("files/sh/records.sh"), own)
            }
        };
        (path, [records, own].concat())
    }

    fn fill(&self, text: &str) -> String {
        let is_python = self.language == Language::Python;
        let extension = if is_python { ".py" } else { ".sh" };
        let imports = match self.kind {
            Kind::Exec => "import json\nimport sys\n",
            Kind::File => "import json\nimport os\nimport sys\n",
            Kind::Stream => "import json\nimport sys\nimport time\n",
            Kind::Push => "import http.client\nimport json\nimport os\nimport socket\nimport sys\n",
        };
        let needs = if self.kind == Kind::Push { ", awk and curl" } else { " and awk" };
        let own_way = match self.kind {
            Kind::Exec => "\"$ralphext\" -c ralphext.toml test\n",
            Kind::File => "./extension@EXT@\n\"$ralphext\" -c ralphext.toml test\n",
            Kind::Stream => "\"$ralphext\" -c ralphext.toml test --limit 2\n",
            Kind::Push => "",
        };
        let run = match self.kind {
            Kind::File => "   and `./extension@EXT@` from cron, or whenever the data changes.\n",
            Kind::Push => "   and `./extension@EXT@` whenever there is something to say.\n",
            Kind::Exec | Kind::Stream => "   It runs `./extension@EXT@` itself.\n",
        };
        let packages = match (self.language, self.kind) {
            (Language::Sh, Kind::Push) => {
                "# hadolint ignore=DL3008\nRUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*\n"
            }
            _ => "",
        };
        let base = if is_python { "python:3.13-slim-bookworm" } else { "debian:bookworm-slim" };
        let mut out = text.to_owned();
        for (mark, value) in [
            ("@OWN_WAY@", own_way),
            ("@RUN@", run),
            ("@EXT@", extension),
            ("@IMPORTS@", imports),
            ("@NEEDS@", needs),
            ("@PACKAGES@", packages),
            ("@BASE@", base),
            ("@WHERE@", if is_python { "objects()" } else { "records" }),
            ("@SERVICE@", &self.name),
            ("@NAME@", &self.name.replace('-', "_")),
            ("@MODEL@", &self.model),
            ("@TITLE@", &self.title),
        ] {
            out = out.replace(mark, value);
        }
        out
    }
}
