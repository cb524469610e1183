//! The built-in job `refresh(object_id)`: asks a running sidecar, on the socket of its page, to recompute an object, and gives
//! its envelope. It must not know how that is done.

use std::path::PathBuf;

use serde_json::Value as Json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use super::{call::Call, doer::Failed, value::Value};
use crate::model::{ObjectId, ServiceName};

/// Most bytes of an answer: an envelope's content is bounded by its sidecar.
const ANSWER_MAX: u64 = 64 << 20;

/// Where the sidecar listens.
pub(super) struct Sidecar {
    pub(super) socket: PathBuf,
    pub(super) service: Option<String>,
}

impl Sidecar {
    /// Whether it is this function that is called.
    pub(super) fn serves(function: &str) -> bool {
        matches!(function, "refresh" | "ralphext.refresh")
    }

    /// The object's envelope, after it was recomputed.
    pub(super) async fn refresh(&self, call: &Call) -> Result<Value, Failed> {
        let id = call.text("object_id", 0).ok_or_else(|| {
            Failed::new("RefusedJob", "refresh is called without its object_id\nhint: refresh(object_id=4711)")
        })?;
        let id =
            ObjectId::new(id.clone()).map_err(|e| Failed::new("RefusedJob", format!("{id:?} is no object id: {e}")))?;
        let service = call.text("service", 1).or_else(|| self.service.clone());
        let query = match service {
            None => String::new(),
            Some(name) => {
                let name = ServiceName::new(name.clone())
                    .map_err(|e| Failed::new("RefusedJob", format!("{name:?} is no service name: {e}")))?;
                format!("?service={name}")
            }
        };
        let told = self.ask("POST", &format!("/api/v1/objects/{id}:refresh{query}")).await?;
        match told["outcome"].as_str() {
            Some("written" | "unchanged") => {}
            Some("absent") => return Err(Failed::new("RefreshFailed", format!("the source has no object {id}"))),
            other => {
                let reason = told["reason"].as_str().or(other).unwrap_or("it does not say why");
                return Err(Failed::new("RefreshFailed", format!("object {id}: {reason}")));
            }
        }
        let mut object = self.ask("GET", &format!("/api/v1/objects/{id}{query}")).await?;
        match object.get_mut("envelope").map(Json::take) {
            Some(envelope @ Json::Object(_)) => Ok(Value::from_json(envelope)),
            _ => Err(Failed::new("RefreshFailed", format!("object {id} has no value in Redis"))),
        }
    }

    /// The JSON that it answers, with status 200.
    async fn ask(&self, method: &str, path: &str) -> Result<Json, Failed> {
        let failed =
            |why: String| Failed::new("RefreshFailed", format!("the sidecar at {}: {why}", self.socket.display()));
        let answer = async {
            let mut stream = UnixStream::connect(&self.socket).await?;
            // 1.0, so that the answer ends with the connection.
            let request = format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.take(ANSWER_MAX).read_to_end(&mut answer).await?;
            std::io::Result::Ok(answer)
        };
        let answer = answer.await.map_err(|e| failed(e.to_string()))?;
        let text = String::from_utf8_lossy(&answer);
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| failed("it answers no HTTP".to_owned()))?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        let json: Json = serde_json::from_str(body).unwrap_or_default();
        if status != "200" {
            let error = json["error"].as_str().unwrap_or("it does not say why");
            return Err(failed(format!("{error} (status {status})")));
        }
        Ok(json)
    }
}
