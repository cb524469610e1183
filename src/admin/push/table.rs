//! What can be asked, in one table: the router and the published description are both made from it. It must not answer.

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    PutObject,
    DeleteObject,
    PatchObjects,
    PostSnapshot,
    PostHeartbeat,
    GetStatus,
}

/// What stands in a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// Nothing that is looked at.
    Nothing,
    /// One object's content.
    Content,
    /// Records, one a line.
    Changes,
    /// The same, with an end.
    Snapshot,
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
    pub sent: Sent,
    /// Every status that it can be answered with.
    pub statuses: &'static [u16],
}

/// All of them.
pub(super) const OPERATIONS: [Operation; 6] = [
    Operation {
        ask: Ask::PutObject,
        method: "put",
        path: "/v1/objects/{id}",
        name: "putObject",
        summary: "Sets the content of one object",
        description: "The body is the content; `Content-Type` says what it is, JSON if left out. Parameters of the type are \
                      not looked at: text is UTF-8. Binary types are sent as they are.",
        sent: Sent::Content,
        statuses: &[200, 202, 400, 401, 413, 422, 503],
    },
    Operation {
        ask: Ask::DeleteObject,
        method: "delete",
        path: "/v1/objects/{id}",
        name: "deleteObject",
        summary: "Removes one object",
        description: "An object that there is not is no error: `removed` is 0 then.",
        sent: Sent::Nothing,
        statuses: &[200, 202, 401, 422, 503],
    },
    Operation {
        ask: Ask::PatchObjects,
        method: "patch",
        path: "/v1/objects",
        name: "patchObjects",
        summary: "Changes many objects",
        description: "Records, one a line, up to 16 MiB. Each is taken or refused by itself: 422 says that none was taken. \
                      `begin` and `end` are refused here, and then nothing was taken.",
        sent: Sent::Changes,
        statuses: &[200, 202, 400, 401, 413, 422, 503],
    },
    Operation {
        ask: Ask::PostSnapshot,
        method: "post",
        path: "/v1/snapshot",
        name: "postSnapshot",
        summary: "Tells all objects there are",
        description: "Records, one a line, streamed; it begins with the request, and its last line is `{\"end\": true}`. What \
                      it does not name is gone, within `limits.max_shrink`. Without its end, or broken off, it is a change of \
                      many objects and removes nothing. There is one at a time; changes may be sent meanwhile, and win.",
        sent: Sent::Snapshot,
        statuses: &[200, 400, 401, 409, 422, 503],
    },
    Operation {
        ask: Ask::PostHeartbeat,
        method: "post",
        path: "/v1/heartbeat",
        name: "postHeartbeat",
        summary: "Says that the pusher is alive and has nothing new",
        description: "See `source.expect_every`.",
        sent: Sent::Nothing,
        statuses: &[200, 401, 503],
    },
    Operation {
        ask: Ask::GetStatus,
        method: "get",
        path: "/v1/status",
        name: "getStatus",
        summary: "Whether it writes, and whether a snapshot is wanted",
        description: "All counts are 0; `resync` says whether a snapshot is wanted.",
        sent: Sent::Nothing,
        statuses: &[200, 401, 503],
    },
];
