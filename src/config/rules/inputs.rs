//! What is impossible in `[source.inputs]`: each input is judged as a source is, in the same words. It must not know how they
//! are merged.

use std::collections::BTreeSet;

use super::{Node, Problem, Report, Rules};
use crate::{
    model::ContentType,
    settings::{MAX_INPUTS, Settings, Source, SourceKind},
};

/// What `[source]` may hold beside inputs.
const BESIDE: [&str; 2] = ["inputs", "spool"];

impl Rules<'_> {
    pub(super) fn inputs(&mut self) {
        let source = &self.settings.source;
        if source.inputs.len() > MAX_INPUTS {
            let reason = format!("there are {} of them, more than {MAX_INPUTS}", source.inputs.len());
            self.refuse(&["source.inputs"], reason, "make several services of them");
        }
        self.beside_inputs();
        if source.spool.is_none() {
            let hint = "write spool = \"/var/lib/ralphext\" in [source]: a directory that outlives the process";
            self.refuse(
                &["source.spool", "source.inputs"],
                "what each of several inputs said last is kept there",
                hint,
            );
        }
        self.merged_content();
        let pushed: Vec<_> = source.inputs.iter().filter(|(_, input)| input.kind == SourceKind::Push).collect();
        if let [(first, _), (second, _), ..] = pushed.as_slice() {
            let key = format!("source.inputs.{second}.kind");
            let reason = format!("{first} is pushed too, and requests do not say which one they are for");
            self.refuse(&[&key], reason, "let one of them be a stream, or a service of its own");
        }
        for (name, input) in &source.inputs {
            self.input(name, input);
        }
    }

    /// What `[source]` has of a single source, be it in a file, the environment or a flag.
    fn beside_inputs(&mut self) {
        let Some(table) = self.tree.at("source").and_then(Node::as_table) else { return };
        let others: Vec<&String> = table.keys().filter(|key| !BESIDE.contains(&key.as_str())).collect();
        for key in others {
            let hint = format!("write {key} in the table of an input, such as [source.inputs.facts]");
            self.refuse(&[&format!("source.{key}"), "source.inputs"], "there are inputs, and each has its own", hint);
        }
    }

    fn merged_content(&mut self) {
        let set = self.settings.content.content_type.as_deref();
        if set.and_then(ContentType::parse).is_some_and(|parsed| parsed != ContentType::JSON) {
            let reason = "the content of several inputs is a JSON object";
            let hint = "remove it; a template may make a card or HTML of that object";
            self.refuse(&["content.content_type", "source.inputs"], reason, hint);
        }
    }

    fn input(&mut self, name: &str, input: &Source) {
        let table = format!("source.inputs.{name}");
        if !Source::is_input_name(name) {
            let hint = "write lower-case letters, digits and _, at most 32, beginning with a letter";
            return self.refuse(&[&table], "that is no name for an input", hint);
        }
        if input.spool.is_some() {
            let hint = "write it in [source]: all inputs of a service are kept in one place";
            self.refuse(&[&format!("{table}.spool")], "an input has none of its own", hint);
        }
        if input.kind == SourceKind::Stdin {
            let hint = "use kind = \"file\" or \"exec\"";
            self.refuse(&[&format!("{table}.kind")], "standard input is for a service with one source", hint);
        }
        let Some(settings) = self.settings.for_input(name) else { return };
        for problem in self.as_source(&table, &settings) {
            self.report.push(problem);
        }
    }

    /// What is wrong with the input at `table` as if it were the only source, in the input's own keys.
    fn as_source(&self, table: &str, settings: &Settings) -> Vec<Problem> {
        let mut tree = self.tree.clone();
        let Some(node) = tree.at(table).cloned() else { return Vec::new() };
        tree.insert(&["source".to_owned()], node);
        let failed: Vec<String> = self.failed.iter().map(|key| key.replace(table, "source")).collect();
        let failed: BTreeSet<&str> = failed.iter().map(String::as_str).collect();
        let mut report = Report::default();
        let mut rules = Rules { settings, tree: &tree, failed, report: &mut report };
        rules.one_source();
        rules.durations("source.");
        let rename = |text: &str| text.replace("[source]", "[\0]").replace("source.", "\0.").replace('\0', table);
        let mut problems = report.into_problems();
        problems.retain(|problem| problem.key != "source.spool");
        for problem in &mut problems {
            problem.key = rename(&problem.key);
            problem.reason = rename(&problem.reason);
            problem.hint = rename(&problem.hint);
        }
        problems
    }
}
