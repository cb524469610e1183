//! What can be asked of the JSON API, in one table: the router and the published description are both made from it. It must not
//! answer.

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Status,
    Objects,
    Object,
    Refresh,
    Events,
}

/// A parameter of the query.
#[derive(Debug)]
pub(super) struct Parameter {
    pub name: &'static str,
    pub means: &'static str,
    pub pattern: &'static str,
}

/// One kind of request.
#[derive(Debug)]
pub(super) struct Operation {
    pub ask: Ask,
    pub method: &'static str,
    pub path: &'static str,
    /// Its name for programs.
    pub name: &'static str,
    /// In one line.
    pub summary: &'static str,
    pub description: &'static str,
    pub parameters: &'static [&'static Parameter],
    /// Every status that it can be answered with.
    pub statuses: &'static [u16],
}

const SERVICE: Parameter = Parameter {
    name: "service",
    means: "The service; may be left out where there is only one.",
    pattern: "^([a-z][a-z0-9-]{0,62})?$",
};
const TEXT: Parameter = Parameter { name: "q", means: "Stands somewhere in the id.", pattern: r"^[\s\S]{0,128}$" };
const STATE: Parameter =
    Parameter { name: "state", means: "How the object is doing.", pattern: "^(current|stale|failed|broken)?$" };
const WITHIN: Parameter = Parameter {
    name: "changed_within",
    means: "Changed since so long ago: `15m`, `1h`.",
    pattern: "^([0-9]{1,6}(ms|s|m|h|d))?$",
};
const CURSOR: Parameter =
    Parameter { name: "cursor", means: "The `cursor` of the answer before.", pattern: "^[0-9]{0,20}$" };
const LIMIT: Parameter = Parameter {
    name: "limit",
    means: "Most objects in one answer, 1 to 500; 100 if left out. From Redis there may be a few more.",
    pattern: "^([1-9]|[1-9][0-9]|[1-4][0-9][0-9]|500)?$",
};

/// All of them.
pub(super) const OPERATIONS: [Operation; 5] = [
    Operation {
        ask: Ask::Status,
        method: "get",
        path: "/api/v1/status",
        name: "getStatus",
        summary: "All services, and how they are doing",
        description: "Told also while Redis does not answer, as far as this process knows it; `redis_error` says so.",
        parameters: &[],
        statuses: &[200, 401, 403],
    },
    Operation {
        ask: Ask::Objects,
        method: "get",
        path: "/api/v1/objects",
        name: "listObjects",
        summary: "Objects of a service",
        description: "From the writer's memory where this process is the writer, in the order in which they were seen first; \
                      else from Redis, in no order. One request looks at so many objects at the most: with `cursor` in its \
                      answer there are more to be looked at, even if `objects` is empty.",
        parameters: &[&SERVICE, &TEXT, &STATE, &WITHIN, &CURSOR, &LIMIT],
        statuses: &[200, 401, 403, 404, 422, 503],
    },
    Operation {
        ask: Ask::Object,
        method: "get",
        path: "/api/v1/objects/{id}",
        name: "getObject",
        summary: "One object: its envelope, why it is as it is, and what was decided about it",
        description: "Decisions are those of this process, without the passes that found nothing to do; the last few thousand of \
                      all objects are remembered. 404 only where there is neither a value nor a decision.",
        parameters: &[&SERVICE],
        statuses: &[200, 401, 403, 404, 422, 503],
    },
    Operation {
        ask: Ask::Refresh,
        method: "post",
        path: "/api/v1/objects/{id}:refresh",
        name: "refreshObject",
        summary: "Fetches an object anew from its source, now",
        description: "A source that has single objects (`source.http.object_url`) is asked for this one, any other for all; \
                      requests that come meanwhile share the next fetch. Needs a token or a unix socket.",
        parameters: &[&SERVICE],
        statuses: &[200, 401, 403, 404, 409, 422, 503],
    },
    Operation {
        ask: Ask::Events,
        method: "get",
        path: "/api/v1/events",
        name: "streamEvents",
        summary: "Each change from now on, once Redis has it",
        description: "`text/event-stream`: events `change` with an Event as their data. Who reads too slowly gets an event \
                      `missed` with the number of changes that were left out, and the stream ends. 503 where too many listen.",
        parameters: &[&SERVICE],
        statuses: &[200, 401, 403, 404, 409, 422, 503],
    },
];
