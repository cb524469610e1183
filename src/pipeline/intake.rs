//! From the text of a record, or a whole file, to an object's content: parsed, resolved, rendered. It must not know what the
//! content was before, nor what becomes of it.

use std::borrow::Cow;

use super::record::{self, BadRecord, Lead, Record};
use crate::{
    model::{Content, ContentType, Document, Fault, FaultKind, ObjectId},
    render::{Removed, Rendered, Renderer, TemplateProblem},
    settings::Settings,
};

/// What a record said, ready to be sealed.
#[derive(Debug)]
pub enum Taken<'a> {
    /// The object has this content now.
    Upsert {
        /// The object.
        id: Cow<'a, str>,
        /// Rendered and sanitised.
        content: Content<'a>,
        /// What the sanitiser took out of it.
        removed: Removed,
    },
    /// The object has no content any more.
    Remove {
        /// The object.
        id: Cow<'a, str>,
    },
    /// `{"begin": true}`: a snapshot begins.
    Begin,
    /// `{"end": true}`: the snapshot is complete.
    End,
    /// `{"heartbeat": true}`: the source is alive and has nothing new.
    Heartbeat,
}

/// See the module.
#[derive(Debug)]
pub struct Intake {
    default_type: Option<ContentType>,
    renderer: Renderer,
}

impl Intake {
    /// For the records of the service of `settings`.
    pub fn new(settings: &Settings) -> Self {
        Self { default_type: settings.default_content_type(), renderer: Renderer::new(settings) }
    }

    /// What is wrong with the template. Every object would be refused for it, so nothing is to start.
    pub fn problem(&self) -> Option<&TemplateProblem> {
        self.renderer.problem()
    }

    /// Takes one record.
    ///
    /// # Errors
    /// What is wrong with it, and whose it is, where that could be told.
    pub fn record<'a>(&self, record: &'a [u8]) -> Result<Taken<'a>, BadRecord> {
        self.taken(record::parse(record)?)
    }

    /// As [`Self::record`]; nothing where `same` knows that the content of the object is what it was: then it is not rendered.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub fn record_unless<'a>(
        &self,
        record: &'a [u8],
        same: impl FnOnce(&str) -> bool,
    ) -> Result<Option<Taken<'a>>, BadRecord> {
        match record::parse(record)? {
            Record::Upsert { id, .. } if same(&id) => Ok(None),
            parsed => self.taken(parsed).map(Some),
        }
    }

    fn taken<'a>(&self, parsed: Record<'a>) -> Result<Taken<'a>, BadRecord> {
        Ok(match parsed {
            Record::Upsert { id, content, content_type } => {
                let content_type = content_type.or_else(|| self.default_type.clone());
                match self.renderer.record(&id, content, content_type) {
                    Ok(Rendered { content, removed }) => Taken::Upsert { id, content, removed },
                    Err(fault) => return Err(BadRecord { id: Some(id.into_owned()), fault }),
                }
            }
            Record::Remove { id } => Taken::Remove { id },
            Record::Begin => Taken::Begin,
            Record::End => Taken::End,
            Record::Heartbeat => Taken::Heartbeat,
        })
    }

    /// The content of a record in the usual layout, without a parser before the canonicaliser. None when [`Self::record`]
    /// has to look at it, as it does with a template.
    pub fn usual<'a>(&self, lead: &Lead<'a>) -> Option<Content<'a>> {
        if !self.renderer.is_plain() {
            return None;
        }
        let rendered = self.renderer.record(lead.id, lead.content()?, self.default_type.clone()).ok()?;
        Some(rendered.content)
    }

    /// Names that the template asks for and the record's content does not have.
    pub fn missing(&self, record: &[u8]) -> Vec<String> {
        match record::parse(record) {
            Ok(Record::Upsert { id, content, .. }) => self.renderer.missing(&id, content),
            _ => Vec::new(),
        }
    }

    /// The object that a file is of.
    ///
    /// # Errors
    /// When its name is no id.
    pub fn document_id<'a>(&self, document: &'a Document) -> Result<&'a str, Fault> {
        let id = document.id.as_str();
        ObjectId::check(id)
            .map(|()| id)
            .map_err(|e| Fault::new(FaultKind::BadId, format!("the file's name gives the id {id:?}: {e}")))
    }

    /// Takes a whole file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn document<'a>(&self, document: &'a Document) -> Result<Rendered<'a>, Fault> {
        let content_type = match &self.default_type {
            Some(set) if document.content_type == ContentType::JSON && set.is_json() => set.clone(),
            _ => document.content_type.clone(),
        };
        self.renderer.document(&document.id, &document.data, content_type)
    }
}
