//! The API as an OpenAPI 3.1 document, made from the table and the types. It must not serve.

use serde_json::{Map, Value, json};

use super::{
    answer::{EventTold, Objects, OneObject, RefreshTold, Status, samples},
    no_such_method, no_such_path,
    table::{Ask, OPERATIONS, Operation},
};
use crate::admin::{
    guard::PAGE_HINT,
    openapi::{answer, failure, generator, path_item, schema, take_in},
    refused::{Failure, Refused},
    view::Untold,
};

const ABOUT: &str = "\
What operators can ask a sidecar (`admin.page_listen`), or `ralphext ui`, over a unix socket, loopback, or with a token.

A path that there is not is answered as `NotFound`, another method as `MethodNotAllowed`. What is no HTTP/1.1, or has a head of more \
than 16 KiB, is answered with 400 or 431 and no body, and the connection ends.";

/// The OpenAPI 3.1 document: `schemas/api.v1.openapi.json`.
pub fn api_openapi() -> Value {
    let mut schemas = Map::new();
    let mut generator = generator();
    take_in(&mut schemas, "Failure", schema::<Failure<'_>>(&mut generator));
    take_in(&mut schemas, "Status", schema::<Status>(&mut generator));
    take_in(&mut schemas, "Objects", schema::<Objects>(&mut generator));
    take_in(&mut schemas, "Object", schema::<OneObject>(&mut generator));
    take_in(&mut schemas, "Refresh", schema::<RefreshTold>(&mut generator));
    take_in(&mut schemas, "Event", schema::<EventTold<'_>>(&mut generator));
    for (name, definition) in generator.take_definitions(true) {
        take_in(&mut schemas, &name, definition);
    }
    let mut paths = Map::new();
    for operation in &OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| path_item(operation.path));
        path[operation.method] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "ralphext API",
            "version": "1",
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "servers": [{ "url": "http://127.0.0.1:9784", "description": "Where admin.page_listen says" }],
        "security": [{}, { "token": [] }, { "password": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                "NotFound": failure("There is no such path.", &no_such_path()),
                "MethodNotAllowed": failure("There is no such method here; `Allow` says which there are.", &no_such_method()),
            },
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Where `admin.page_token_file` is set: its text."
                },
                "password": { "type": "http", "scheme": "basic", "description": "The same as the password of any user." }
            }
        }
    })
}

fn described(operation: &Operation) -> Value {
    let answers = operation.statuses.iter().map(|status| (status.to_string(), response(*status, operation.ask)));
    let parameters = operation.parameters.iter().map(|parameter| {
        json!({
            "name": parameter.name,
            "in": "query",
            "description": parameter.means,
            "schema": { "type": "string", "pattern": parameter.pattern }
        })
    });
    json!({
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "parameters": parameters.collect::<Vec<_>>(),
        "responses": answers.collect::<Map<_, _>>(),
    })
}

/// What a status means, and an answer with it.
fn response(status: u16, ask: Ask) -> Value {
    match (status, ask) {
        (200, Ask::Status) => answer("The services.", "Status", samples::status()),
        (200, Ask::Objects) => answer("Some of the objects.", "Objects", samples::objects()),
        (200, Ask::Object) => answer("The object.", "Object", samples::object()),
        (200, Ask::Refresh) => answer("It was fetched, or failed to be.", "Refresh", samples::refresh()),
        (200, Ask::Events) => json!({
            "description": "Changes, until one side ends it.",
            "content": { "text/event-stream": {
                "schema": { "type": "string", "x-data-schema": { "$ref": "#/components/schemas/Event" } },
                "example": format!("event: change\ndata: {}\n\n", samples::event()),
            } }
        }),
        (401, _) => failure("The token is missing or wrong.", &Refused::no_token(PAGE_HINT)),
        (403, _) => {
            failure("It comes from another site, by another name, or cannot be changed here.", &Refused::other_site())
        }
        (404, _) => failure("There is no such service or object.", &Untold::NoService("hwinfo".to_owned()).into()),
        (409, Ask::Refresh) => failure("It cannot be fetched from here.", &Untold::NoWriter.into()),
        (409, _) => failure("This process does not write the service.", &Untold::NoWriter.into()),
        (422, _) => failure("A parameter is none.", &Refused::bad_id("a:b", &"it holds ':'")),
        _ => {
            let mut response = failure("Redis or the service does not answer: try again.", &Untold::Busy.into());
            response["headers"] = json!({ "Retry-After": {
                "required": true,
                "description": "Seconds after which to try again.",
                "schema": { "type": "integer", "minimum": 0 }
            } });
            response
        }
    }
}
