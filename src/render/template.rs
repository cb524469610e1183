//! Templates: compiled once, then rendered for one object after another, within bounds. It must not know what becomes of their
//! output.

use std::{collections::BTreeSet, io, path::Path, sync::Arc};

use minijinja::{
    AutoEscape, Environment, Output, State, UndefinedBehavior, Value, escape_formatter,
    value::{Object, ValueKind},
};

use super::{filters, loader, markdown, problem::TemplateProblem};
use crate::settings::{Render, RenderOutput};

/// Steps that rendering one object may take: instructions, and one for each 64 bytes that are made. Some hundred times what
/// a tab needs, and some 50 ms.
const FUEL: u64 = 1_000_000;
/// How deep includes, macros and loops may stand within each other.
const RECURSION: usize = 200;
/// How an inline template is called.
const INLINE: &str = "render.template";

/// A compiled template with all that it includes.
#[derive(Debug)]
pub struct Template {
    environment: Environment<'static>,
    name: String,
    output: RenderOutput,
    service: Value,
    max_output: usize,
}

/// Why an object has no output.
#[derive(Debug)]
pub enum Failed {
    /// The template.
    Problem(TemplateProblem),
    /// More output than may be, in bytes.
    TooLarge(usize),
    /// The content is no JSON.
    Content(serde_json::Error),
}

impl Template {
    /// Compiles the template of `render`, and what it names; none where there is no template. It may yield up to
    /// `max_output` bytes.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn new(render: &Render, service: &str, max_output: usize) -> Result<Option<Self>, TemplateProblem> {
        let mut environment = environment(render);
        let told = |e: &minijinja::Error, name: &str| TemplateProblem::new(e, name, FUEL);
        let name = if let Some(path) = &render.template_file {
            let dir = path.parent().unwrap_or(Path::new("")).to_owned();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                let hint = "name a file, such as \"templates/host.html\"";
                return Err(TemplateProblem::whole(&path.display().to_string(), "it is no file", hint));
            };
            environment.set_loader(move |name| loader::load(&dir, name));
            name.to_owned()
        } else if let Some(text) = &render.template {
            environment.add_template_owned(INLINE, text.clone()).map_err(|e| told(&e, INLINE))?;
            INLINE.to_owned()
        } else {
            return Ok(None);
        };
        compile(&environment, &name)?;
        let (output, service) = (render.yields(), Value::from(service));
        let template = Self { environment, name, output, service, max_output };
        template.try_out().map_or(Ok(Some(template)), Err)
    }

    /// Renders nothing, which finds filters that do not exist, but for those in parts that are not reached.
    fn try_out(&self) -> Option<TemplateProblem> {
        let Err(Failed::Problem(problem)) = self.render("0", "{}") else { return None };
        problem.is_unknown_name.then_some(problem)
    }

    /// What it yields.
    pub fn output(&self) -> RenderOutput {
        self.output
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Renders one object, whose content is the JSON text `content`.
    ///
    /// # Errors
    /// What is wrong with the template or the content.
    pub fn render(&self, object_id: &str, content: &str) -> Result<String, Failed> {
        let told = |e: &minijinja::Error| Failed::Problem(TemplateProblem::new(e, &self.name, FUEL));
        let context = self.context(object_id, content)?;
        let template = self.environment.get_template(&self.name).map_err(|e| told(&e))?;
        let mut out = Bounded { bytes: Vec::new(), max: self.max_output, exceeded: false };
        let rendered = template.render_captured_to(context, &mut out).map(drop);
        if out.exceeded {
            return Err(Failed::TooLarge(self.max_output));
        }
        rendered.map_err(|e| told(&e))?;
        // The engine writes nothing but text.
        Ok(String::from_utf8(out.bytes).unwrap_or_default())
    }

    /// Names that the template asks for and this object does not have, such as `warranty.until`.
    ///
    /// Those of included templates are not among them, nor is it known whether they are asked for on purpose.
    pub fn missing(&self, object_id: &str, content: &str) -> Vec<String> {
        let Ok(context) = self.context(object_id, content) else { return Vec::new() };
        let Ok(template) = self.environment.get_template(&self.name) else { return Vec::new() };
        let globals: BTreeSet<&str> = self.environment.globals().map(|(name, _)| name).collect();
        let has = |path: &str| {
            let mut value = context.clone();
            path.split('.').all(|name| {
                // A method of a value is none of its fields.
                let known = matches!(value.kind(), ValueKind::Map | ValueKind::Plain) || value.as_object().is_some();
                let next = value.get_attr(name).unwrap_or_default();
                let found = !known || !next.is_undefined();
                value = next;
                found
            })
        };
        let asked = template.undeclared_variables(true);
        let mut missing: Vec<String> = asked
            .into_iter()
            .filter(|path| !path.split('.').next().is_some_and(|first| globals.contains(first)) && !has(path))
            .collect();
        missing.sort_unstable();
        missing
    }

    fn context(&self, object_id: &str, content: &str) -> Result<Value, Failed> {
        let content: Value = serde_json::from_str(content).map_err(Failed::Content)?;
        Ok(Value::from_object(Context { content, object_id: object_id.into(), service: self.service.clone() }))
    }
}

/// The names that a template sees, without a copy of the content.
#[derive(Debug)]
struct Context {
    content: Value,
    object_id: Value,
    service: Value,
}

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "content" => Some(self.content.clone()),
            "object_id" => Some(self.object_id.clone()),
            "service" => Some(self.service.clone()),
            name => self.content.get_attr(name).ok().filter(|value| !value.is_undefined()),
        }
    }
}

fn environment(render: &Render) -> Environment<'static> {
    let mut environment = Environment::new();
    let output = render.yields();
    let escape = match output {
        RenderOutput::Html => AutoEscape::Html,
        RenderOutput::Markdown => AutoEscape::Custom("markdown".into()),
        RenderOutput::Text => AutoEscape::None,
        RenderOutput::Card | RenderOutput::Json => AutoEscape::Json,
    };
    environment.set_auto_escape_callback(move |_| escape.clone());
    environment.set_formatter(write);
    let missing = if render.strict { UndefinedBehavior::Strict } else { UndefinedBehavior::Chainable };
    environment.set_undefined_behavior(missing);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    environment.set_debug(true);
    environment.set_auto_reload(false);
    // It shows everything, and not always in the same order.
    environment.remove_global("debug");
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    filters::add(&mut environment, output);
    environment
}

/// Writes one value, escaped for the output: null and what is not there are nothing, or `null` in JSON.
fn write(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    let strict = matches!(state.env().undefined_behavior(), UndefinedBehavior::Strict);
    match state.auto_escape() {
        AutoEscape::Json if value.is_undefined() && !strict => Ok(out.write_str("null")?),
        AutoEscape::Json => match value.as_str().filter(|_| value.is_safe()) {
            Some(text) => Ok(out.write_str(text)?),
            None => escape_formatter(out, state, value),
        },
        _ if value.is_none() => Ok(()),
        AutoEscape::Custom(_) if !(value.is_undefined() && strict) => {
            let text = value.to_string();
            Ok(out.write_str(&if value.is_safe() { text.into() } else { markdown::escape(&text) })?)
        }
        AutoEscape::Custom(_) => Err(minijinja::ErrorKind::UndefinedError.into()),
        _ => escape_formatter(out, state, value),
    }
}

/// Compiles `name` and what it names, so that nothing is read later, and every error is found now.
fn compile(environment: &Environment<'static>, name: &str) -> Result<(), TemplateProblem> {
    let (mut waiting, mut seen) = (vec![(name.to_owned(), None)], BTreeSet::new());
    while let Some((name, by)) = waiting.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let found = environment.get_template(&name);
        match (found, by) {
            (Ok(template), _) => {
                let others = loader::named(template.source());
                waiting.extend(others.into_iter().map(|(other, must)| (other, Some((name.clone(), must)))));
            }
            (Err(e), Some((_, false))) if e.kind() == minijinja::ErrorKind::TemplateNotFound => {}
            (Err(e), Some((by, _))) if e.name().is_none() => {
                let problem = TemplateProblem::new(&e, &by, FUEL);
                return Err(TemplateProblem { reason: format!("it names {name:?}: {}", problem.reason), ..problem });
            }
            (Err(e), _) => return Err(TemplateProblem::new(&e, &name, FUEL)),
        }
    }
    Ok(())
}

/// Takes so many bytes, and no more.
struct Bounded {
    bytes: Vec<u8>,
    max: usize,
    exceeded: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.max {
            self.exceeded = true;
            return Err(io::Error::other("too much output"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
